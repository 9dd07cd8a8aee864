import { type PGlite, parse, protocol, type Results } from '@electric-sql/pglite'
import { createInTurn } from '../in-turn.ts'
import { planAgainMs } from './statement-names.ts'

/** Runs statements of the embedded database one after the other, in the order of the calls. */
export interface EmbeddedStatements {
  /**
   * @param name the first call prepares the statement under this name; later calls reuse it
   * @returns rows as lists of values
   * @throws the database's error
   */
  run(sql: string, params?: readonly unknown[], name?: string): Promise<Results<unknown[]>>
}

interface Prepared {
  paramTypes: number[]
  /** Describes the result's columns; executing the statement does not return this again. */
  description: Messages
}

type Messages = Awaited<ReturnType<PGlite['execProtocolStream']>>

const { serialize } = protocol
const asLists = { rowMode: 'array' } as const

/**
 * PGlite parses and describes a statement on each call, which enters its WebAssembly six times. A prepared statement
 * takes one exchange (PostgreSQL protocol, extended query).
 */
export function createStatements(pglite: PGlite): EmbeddedStatements {
  const prepared = new Map<string, Prepared>()
  const inTurn = createInTurn()
  let plannedAtMs = performance.now()

  const exchange = (...messages: Uint8Array[]) =>
    pglite.execProtocolStream(Buffer.concat([...messages, serialize.sync()]), { syncToFs: false })

  const prepare = async (sql: string, name: string): Promise<Prepared> => {
    const described = await exchange(
      serialize.parse({ name, text: sql }),
      serialize.describe({ type: 'S', name }),
    )
    const description = described.filter((message) => message.name === 'rowDescription')
    const found = { paramTypes: parse.parseDescribeStatementResults(described), description }
    prepared.set(name, found)
    return found
  }

  const runPrepared = async (sql: string, params: readonly unknown[], name: string) => {
    if (performance.now() - plannedAtMs > planAgainMs) {
      plannedAtMs = performance.now()
      await pglite.exec('discard plans')
    }
    const { paramTypes, description } = prepared.get(name) ?? (await prepare(sql, name))
    const values = params.map((value, index) => {
      if (value == null) return null
      return pglite.serializers[paramTypes[index]!]?.(value) ?? String(value)
    })
    const answered = await exchange(serialize.bind({ statement: name, values }), serialize.execute({}))
    return parse.parseResults([...description, ...answered], pglite.parsers, asLists)[0] as Results<unknown[]>
  }

  return {
    run: (sql, params = [], name) =>
      inTurn(async () => {
        if (name !== undefined) return runPrepared(sql, params, name)
        return (await pglite.query(sql, [...params], asLists)) as Results<unknown[]>
      }),
  }
}
