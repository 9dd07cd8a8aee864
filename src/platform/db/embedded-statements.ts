import type { PGlite } from '@electric-sql/pglite'
import { createInTurn } from '../in-turn.ts'
import { joined } from '../joined-bytes.ts'
import { prepareMessages } from './embedded-protocol.ts'
import { planAgainMs } from './statement-names.ts'

/** A statement and the messages that run it, see `runMessages`. */
export interface Statement {
  sql: string
  /** The first call prepares the statement under this name; later calls reuse it. Empty: it is not reused. */
  name: string
  messages: Uint8Array
}

/** The second message answers the request to parse the statement. */
const parsedAt = 5
const parseComplete = '1'.charCodeAt(0)

/**
 * PGlite's own functions take six exchanges with its WebAssembly for a statement. Here a statement takes one, and its
 * messages are written and read by whoever asks: this thread only passes them on.
 */
export function createStatements(pglite: PGlite) {
  const prepared = new Set<string>()
  const inTurn = createInTurn()
  let plannedAtMs = performance.now()

  const exchange = async (messages: Uint8Array): Promise<Uint8Array> => {
    const parts: Uint8Array[] = []
    await pglite.execProtocolRawStream(messages, {
      syncToFs: false,
      onRawData: (part) => parts.push(part.slice()),
    })
    return joined(parts)
  }

  const run = async ({ sql, name, messages }: Statement): Promise<Uint8Array> => {
    if (name && performance.now() - plannedAtMs > planAgainMs) {
      plannedAtMs = performance.now()
      await pglite.exec('discard plans')
    }
    if (prepared.has(name)) return exchange(messages)
    const answered = await exchange(joined([...prepareMessages(name, sql), messages]))
    if (name && answered[parsedAt] === parseComplete) prepared.add(name)
    return answered
  }
  return {
    /** @returns the database's messages, which may hold its error; see `createAnswerReader` */
    run: (statement: Statement) => inTurn(() => run(statement)),
  }
}

/** Runs statements of the embedded database one after the other, in the order of the calls. */
export type EmbeddedStatements = ReturnType<typeof createStatements>
