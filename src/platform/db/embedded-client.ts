import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import pg from 'pg'
import { getOrInsert } from '../get-or-insert.ts'
import { siblingModule } from '../sibling-module.ts'
import { createAnswerReader } from './embedded-answers.ts'
import { runMessages } from './embedded-protocol.ts'
import type { Failure, Reply, Request, Work } from './embedded-thread.ts'
import { statementContext } from './statement-context.ts'
import { createStatementNames } from './statement-names.ts'

/** The text or bytes of a parameter, as the driver for PostgreSQL sends it. */
const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils

interface Result<Row> {
  rows: Row[]
  affectedRows: number | undefined
}

type Query = <Row>(sql: string, params?: unknown[]) => Promise<Result<Row>>

/**
 * Opens the database in the folder `path` in a new thread, with settings like `enable_sort = off`.
 *
 * Errors carry the database's own `code`, `constraint` and so on, never a statement's parameters.
 *
 * @param onLost called once with the reason when the thread ends by itself. Pending requests fail, and only a new
 *   process can open the database again
 * @throws the database's error; errors of its file system have WASI's `errno` and no message
 */
export async function openEmbeddedClient(
  path: string,
  settings: readonly string[],
  onLost: (reason: string) => void = throwLost,
) {
  const thread = new Worker(siblingModule(import.meta.url, 'embedded-thread'))
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const listeners = new Map<string, Set<(payload: string) => void>>()
  let asked = 0
  let closing: Promise<void> | undefined
  let broken: string | undefined
  let silentSince: number | undefined

  /** @param given bytes in `work` that go to the thread without a copy */
  const ask = async <Answer = void>(work: Work, given?: Uint8Array<ArrayBuffer>): Promise<Answer> => {
    if (closing) throw closed()
    asked += 1
    const answer = Promise.withResolvers<unknown>()
    waiting.set(asked, answer)
    silentSince ??= performance.now()
    thread.postMessage({ ...work, id: asked } satisfies Request, given ? [given.buffer] : [])
    return answer.promise as Promise<Answer>
  }
  const hear = (channel: string, payload: string) => {
    for (const callback of listeners.get(channel) ?? []) callback(payload)
  }
  const read = createAnswerReader(hear)
  thread.on('message', (reply: Reply) => {
    if ('channel' in reply) return hear(reply.channel, reply.payload)
    if ('broken' in reply) {
      broken = reply.broken
      return
    }
    const answer = waiting.get(reply.id)!
    waiting.delete(reply.id)
    silentSince = waiting.size > 0 ? performance.now() : undefined
    if ('failure' in reply) answer.reject(toError(reply.failure))
    else answer.resolve(reply.result)
  })
  thread.on('exit', (code) => {
    if (!closing) onLost(broken ?? `its thread ended with code ${code}`)
    closing ??= Promise.resolve()
    for (const answer of waiting.values()) answer.reject(closed())
  })
  const end = async (work: Promise<unknown>) => {
    const ended = once(thread, 'exit')
    await work
    await ended
  }

  try {
    await ask({ kind: 'open', path, settings })
  } catch (error) {
    closing = end(thread.terminate())
    await closing
    throw error
  }
  const nameOf = createStatementNames()
  const queryIn =
    (transaction: number | undefined): Query =>
    async <Row>(sql: string, params?: unknown[]) => {
      const name = (params && statementContext.getStore()?.caller === undefined && nameOf(sql)) || ''
      const messages = runMessages(name, params, prepareValue)
      const statement = { sql, name, messages }
      return read<Row>(name, await ask<Uint8Array>({ kind: 'query', statement, transaction }, messages))
    }
  return {
    query: queryIn(undefined),
    /** Runs any number of statements without parameters. @returns a result for each */
    exec: (sql: string) => ask<Result<unknown>[]>({ kind: 'exec', sql }),
    /** Begins a transaction once earlier ones have ended. All other statements wait until it ends. */
    begin() {
      const transaction = asked + 1
      // Statements need not wait for `begin`: the thread receives them in this order, and they fail if it fails.
      ask({ kind: 'begin', transaction }).catch(() => {})
      const end = async (how: 'commit' | 'rollback') => {
        const { command } = read(how, await ask<Uint8Array>({ kind: 'end', transaction, how }))
        if (command.toLowerCase() !== how)
          throw new Error('a statement of the transaction failed: nothing is committed')
      }
      return {
        query: queryIn(transaction),
        /** @throws the database's error; then nothing is committed, and the transaction has ended */
        commit: () => end('commit'),
        rollback: () => end('rollback'),
      }
    },
    async listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>> {
      const isNew = !listeners.has(channel)
      const callbacks = getOrInsert(listeners, channel, () => new Set())
      callbacks.add(callback)
      // Listening twice would make the thread post each notification twice.
      if (isNew) await ask({ kind: 'exec', sql: `listen "${channel}"` })
      return async () => void callbacks.delete(callback)
    },
    /** How long requests have been pending without any answer, in milliseconds; 0: no request is pending. */
    silentMs: () => (silentSince === undefined ? 0 : performance.now() - silentSince),
    /** The number of pending requests. */
    owed: () => waiting.size,
    /** Rolls back open transactions and ends the thread. Safe to call twice. */
    close: () => (closing ??= end(ask({ kind: 'close' }))),
    get closed() {
      return closing !== undefined
    },
    ready: true,
    waitReady: Promise.resolve(),
  }
}

/**
 * The embedded database in its own thread, with the part of PGlite's interface that Kysely and pg-boss need. It has
 * one connection: statements and transactions run one after the other, in the order of the calls.
 */
export type EmbeddedClient = Awaited<ReturnType<typeof openEmbeddedClient>>

function throwLost(reason: string): never {
  throw new Error(`the embedded database is lost: ${reason}`)
}

const closed = () => new Error('the embedded database is closed')

function toError({ message, details }: Failure): Error {
  return Object.assign(new Error(message), details)
}
