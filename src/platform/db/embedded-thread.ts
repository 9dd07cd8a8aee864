import { parentPort } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { createInTurn } from '../in-turn.ts'
import { runMessages } from './embedded-protocol.ts'
import { watchSession } from './embedded-session.ts'
import { createStatements, type EmbeddedStatements, type Statement } from './embedded-statements.ts'
import { openPglite } from './open-pglite.ts'

/** Requests from the client (embedded-client.ts) to the thread. */
export type Work =
  /** Opens the database in the folder `path`; must be the first request. */
  | { kind: 'open'; path: string; settings: readonly string[] }
  /** Runs one statement, in the open transaction `transaction` if given. The result is the database's messages. */
  | { kind: 'query'; statement: Statement; transaction: number | undefined }
  /** Runs any number of statements without parameters. */
  | { kind: 'exec'; sql: string }
  | { kind: 'begin'; transaction: number }
  /** Ends a transaction. The result is the database's messages. */
  | { kind: 'end'; transaction: number; how: 'commit' | 'rollback' }
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
  /** A notification that `exec` received; those of other requests are in their results. */
  | { channel: string; payload: string }
  /** Why the session is broken. The thread ends and sends no more replies. */
  | { broken: string }

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

  const runPlain = (sql: string) => statements.run({ sql, name: sql, messages: runMessages(sql) })
  const begin = () => {
    const begun = Promise.withResolvers<() => void>()
    const ended = Promise.withResolvers<void>()
    alone(async () => {
      await runPlain('begin')
      if (!pglite.isInTransaction()) throw new Error('the transaction could not begin')
      begun.resolve(ended.resolve)
      await ended.promise
    }).catch(begun.reject)
    return begun.promise
  }
  const end = async (key: number, how: 'commit' | 'rollback') => {
    const giveBack = await transactions.get(key)!
    transactions.delete(key)
    return runPlain(how).finally(giveBack)
  }

  const work = async (request: Request): Promise<unknown> => {
    switch (request.kind) {
      case 'open':
        pglite = await openPglite(request.path, session.onStderr).catch((error: unknown) =>
          Promise.reject(session.explain(error)),
        )
        session.watch(pglite)
        pglite.onNotification((channel, payload) => port.postMessage({ channel, payload } satisfies Reply))
        statements = createStatements(pglite)
        await pglite.exec(request.settings.map((setting) => `set ${setting}`).join(';'))
        return
      case 'query': {
        const { statement, transaction } = request
        if (transaction === undefined) return alone(() => statements.run(statement))
        await transactions.get(transaction)!
        return statements.run(statement)
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
        return end(request.transaction, request.how)
      case 'close':
        // Their owners can send no more requests after `close`.
        for (const key of transactions.keys()) end(key, 'rollback').catch(() => {})
        return alone(() => pglite.close())
    }
  }

  port.on('message', async (request: Request) => {
    const { id } = request
    const reply: Reply = await work(request).then(
      (result) => ({ id, result }),
      (error: unknown) => ({ id, failure: toFailure(error) }),
    )
    const bytes = 'result' in reply && reply.result instanceof Uint8Array ? [reply.result.buffer] : []
    port.postMessage(reply, bytes as ArrayBuffer[])
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
