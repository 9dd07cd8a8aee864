import { parentPort } from 'node:worker_threads'
import { PGlite, type Transaction } from '@electric-sql/pglite'
import { watchSession } from './embedded-session.ts'

/** What the thread does for its client (embedded-client.ts). */
export type Work =
  /** Opens the database in the folder `path`; comes first. */
  | { kind: 'open'; path: string; settings: readonly string[] }
  /** One statement, in an open transaction where one is given. */
  | { kind: 'query'; sql: string; params: unknown[] | undefined; transaction: number | undefined }
  /** Any number of statements without parameters. */
  | { kind: 'exec'; sql: string }
  | { kind: 'begin'; transaction: number }
  | { kind: 'end'; transaction: number; commit: boolean }
  /** Notifications of the channel follow, until the thread ends. */
  | { kind: 'listen'; channel: string }
  /** Rolls back the transactions that are open and closes the database; the thread ends. */
  | { kind: 'close' }

export type Request = Work & { id: number }

/** An error's message and what else the database says about it; never the statement's parameters, which are secret. */
export interface Failure {
  message: string
  details: Record<string, unknown>
}

export type Reply =
  | { id: number; result: unknown }
  | { id: number; failure: Failure }
  | { channel: string; payload: string }
  /** Why the session is beyond repair; the thread ends, and answers nothing more. */
  | { broken: string }

/** A quarter of PGlite's default is as fast here, starts in half the time and leaves 100 MB to others. */
const memorySettings = ['shared_buffers=32MB']
/** What a checkpoint keeps of the write-ahead log for use again: by default up to 1 GB. */
const logSettings = ['min_wal_size=32MB', 'max_wal_size=64MB']
const startParams = [
  ...PGlite.defaultStartParams,
  ...[...memorySettings, ...logSettings].flatMap((setting) => ['-c', setting]),
]

/** `errno` is WASI's, of a file system error. */
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

interface OpenTransaction {
  statements: Transaction
  end(commit: boolean): Promise<void>
}

function serve(port: NonNullable<typeof parentPort>): void {
  let pglite: PGlite
  const transactions = new Map<number, Promise<OpenTransaction>>()
  const session = watchSession((broken) => {
    port.postMessage({ broken } satisfies Reply)
    process.exit(1)
  })

  /** Everything else waits until the transaction has ended: there is one connection. */
  const begin = (key: number) => {
    const begun = Promise.withResolvers<OpenTransaction>()
    const toldToEnd = Promise.withResolvers<void>()
    transactions.set(key, begun.promise)
    const ended = pglite.transaction(async (statements) => {
      begun.resolve({ statements, end })
      await toldToEnd.promise
    })
    ended.catch(begun.reject)
    const end = async (commit: boolean) => {
      transactions.delete(key)
      if (commit) toldToEnd.resolve()
      else toldToEnd.reject(new Error('rolled back'))
      await (commit ? ended : ended.catch(() => {}))
    }
    return begun.promise.then(() => {})
  }

  const work = async (request: Request): Promise<unknown> => {
    switch (request.kind) {
      case 'open':
        pglite = await PGlite.create(request.path, { startParams, onStderr: session.onStderr }).catch(
          (error: unknown) => Promise.reject(session.explain(error)),
        )
        session.watch(pglite)
        await pglite.exec(request.settings.map((setting) => `set ${setting}`).join(';'))
        return
      case 'query': {
        if (request.transaction === undefined) return pglite.query(request.sql, request.params)
        const { statements } = await transactions.get(request.transaction)!
        return statements.query(request.sql, request.params)
      }
      case 'exec':
        return pglite.exec(request.sql)
      case 'begin':
        return begin(request.transaction)
      case 'end':
        return (await transactions.get(request.transaction)!).end(request.commit)
      case 'listen':
        await pglite.listen(request.channel, (payload) => {
          port.postMessage({ channel: request.channel, payload } satisfies Reply)
        })
        return
      case 'close':
        // Closing waits for them, and their owners can ask for nothing more.
        for (const begun of transactions.values()) begun.then(({ end }) => end(false)).catch(() => {})
        return pglite.close()
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
