import { parentPort } from 'node:worker_threads'
import { PGlite, type Results, TransactionAbortedError } from '@electric-sql/pglite'
import { createInTurn } from '../in-turn.ts'
import { watchSession } from './embedded-session.ts'
import { createStatements, type EmbeddedStatements } from './embedded-statements.ts'

/** Requests from the client (embedded-client.ts) to the thread. */
export type Work =
  /** Opens the database in the folder `path`; must be the first request. */
  | { kind: 'open'; path: string; settings: readonly string[] }
  /** Runs one statement, in the open transaction `transaction` if given. A statement with a name is prepared. */
  | { kind: 'query'; sql: string; params?: unknown[]; name?: string; transaction?: number }
  /** Runs any number of statements without parameters. */
  | { kind: 'exec'; sql: string }
  | { kind: 'begin'; transaction: number }
  | { kind: 'end'; transaction: number; commit: boolean }
  /** The thread posts the channel's notifications until it ends. */
  | { kind: 'listen'; channel: string }
  /** Rolls back open transactions and closes the database; then the thread ends. */
  | { kind: 'close' }

export type Request = Work & { id: number }

/** An error's message and the database's details; never the statement's parameters, which may be secret. */
export interface Failure {
  message: string
  details: Record<string, unknown>
}

export type Reply =
  | { id: number; result: unknown }
  | { id: number; failure: Failure }
  | { channel: string; payload: string }
  /** Why the session is broken. The thread ends and sends no more replies. */
  | { broken: string }

/** A quarter of PGlite's default is as fast here, starts in half the time and saves 100 MB of memory. */
const memorySettings = ['shared_buffers=32MB']
/** Limits the write-ahead log that checkpoints keep for reuse; the default is up to 1 GB. */
const logSettings = ['min_wal_size=32MB', 'max_wal_size=64MB']
const startParams = [
  ...PGlite.defaultStartParams,
  ...[...memorySettings, ...logSettings].flatMap((setting) => ['-c', setting]),
]

/** `errno` is the WASI error number of a file system error. */
const shownDetails = [
  'code',
  'severity',
  'detail',
  'hint',
  'where',
  'schema',
  'table',
  'column',
  'constraint',
  'errno',
]

function serve(port: NonNullable<typeof parentPort>): void {
  let pglite: PGlite
  let statements: EmbeddedStatements
  /** Open transactions. Each promise resolves to a function that releases the connection. */
  const transactions = new Map<number, Promise<() => void>>()
  /** Statements and transactions use the only connection in the order of their requests. */
  const alone = createInTurn()
  const session = watchSession((broken) => {
    port.postMessage({ broken } satisfies Reply)
    process.exit(1)
  })

  const begin = () => {
    const begun = Promise.withResolvers<() => void>()
    const ended = Promise.withResolvers<void>()
    alone(async () => {
      await statements.run('begin', [], 'begin')
      begun.resolve(ended.resolve)
      await ended.promise
    }).catch(begun.reject)
    return begun.promise
  }
  const end = async (key: number, commit: boolean) => {
    const giveBack = await transactions.get(key)!
    transactions.delete(key)
    const sql = commit ? 'commit' : 'rollback'
    const { command } = await statements.run(sql, [], sql).finally(giveBack)
    if (commit && command === 'ROLLBACK') throw new TransactionAbortedError()
  }

  const work = async (request: Request): Promise<unknown> => {
    switch (request.kind) {
      case 'open':
        pglite = await PGlite.create(request.path, { startParams, onStderr: session.onStderr }).catch(
          (error: unknown) => Promise.reject(session.explain(error)),
        )
        session.watch(pglite)
        statements = createStatements(pglite)
        await pglite.exec(request.settings.map((setting) => `set ${setting}`).join(';'))
        return
      case 'query': {
        const { sql, params, name, transaction } = request
        const run = async () => toAnswer(await statements.run(sql, params, name))
        if (transaction === undefined) return alone(run)
        await transactions.get(transaction)!
        return run()
      }
      case 'exec':
        return alone(() => pglite.exec(request.sql))
      case 'begin': {
        const begun = begin()
        transactions.set(request.transaction, begun)
        await begun
        return
      }
      case 'end':
        return end(request.transaction, request.commit)
      case 'listen':
        await alone(() =>
          pglite.listen(request.channel, (payload) => {
            port.postMessage({ channel: request.channel, payload } satisfies Reply)
          }),
        )
        return
      case 'close':
        // Their owners can send no more requests after `close`.
        for (const key of transactions.keys()) end(key, false).catch(() => {})
        return alone(() => pglite.close())
    }
  }

  port.on('message', async (request: Request) => {
    const { id } = request
    const reply: Reply = await work(request).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, failure: toFailure(error) }),
    )
    port.postMessage(reply)
    if (request.kind === 'close') port.close()
  })
}

/** Rows are lists: as objects, each row would carry its column names through the channel. */
export interface Answer {
  columns: string[]
  rows: unknown[][]
  affectedRows: number | undefined
}

function toAnswer({ fields, rows, affectedRows }: Results<unknown[]>): Answer {
  return { columns: fields.map(({ name }) => name), rows, affectedRows }
}

function toFailure(error: unknown): Failure {
  const given = Object(error) as Record<string, unknown>
  return {
    message: error instanceof Error ? error.message : '',
    details: Object.fromEntries(
      shownDetails.filter((key) => given[key] != null).map((key) => [key, given[key]]),
    ),
  }
}

if (parentPort) serve(parentPort)
