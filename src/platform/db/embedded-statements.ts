import { type PGlite, parse, protocol, type Results } from '@electric-sql/pglite'
import { createInTurn } from '../in-turn.ts'
import { planAgainMs } from './statement-names.ts'

/** Statements of the embedded database, run one after the other in the order in which they are asked for. */
export interface EmbeddedStatements {
  /**
   * @param name prepares it under this name the first time, and runs what was prepared from then on
   * @returns with a list for each row
   * @throws the database's error
   */
  run(sql: string, params?: readonly unknown[], name?: string): Promise<Results<unknown[]>>
}

interface Prepared {
  paramTypes: number[]
  /** Of its rows; running it does not say it again. */
  description: Messages
}

type Messages = Awaited<ReturnType<PGlite['execProtocolStream']>>

const { serialize } = protocol
const asLists = { rowMode: 'array' } as const

/**
 * PGlite parses and describes a statement each time and enters its WebAssembly six times for it; what was prepared takes
 * one message (PostgreSQL protocol, extended query).
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
