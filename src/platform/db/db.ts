import type { Kysely, Transaction } from 'kysely'
import type { ConnectionOptions } from 'pg-boss'
import type { Database } from '../../database.ts'
import type { DatabaseState } from './database-errors.ts'

export type Db = Kysely<Database>
export type Trx = Transaction<Database>

/** An open database, with the queue's access to it. */
export interface OpenDatabase {
  db: Db
  /** `pglite`: one connection in a thread; `postgres`: a pool. */
  backend: 'pglite' | 'postgres'
  /** For pg-boss's own statements: the same embedded database, or a separate pool. */
  queueDb: ConnectionOptions['db']
  /** Whether LISTEN works; not behind a pooler in transaction mode. */
  hasSessions: boolean
  /** Whether the database takes writes now. The question skips other work; only the embedded database queues it. */
  readState(): Promise<DatabaseState>
  /** How long requests to the embedded database have been unanswered, in milliseconds; always 0 for PostgreSQL. */
  silentMs(): number
  /** Current use of the connections for requests and workers. The embedded database has one connection. */
  connectionUse(): ConnectionUse
  close(): Promise<void>
}

/** The connections of this process to the database, and how many statements wait for one. */
export interface ConnectionUse {
  inUse: number
  idle: number
  waiting: number
  limit: number
}

/**
 * Waits for statements that were issued together on one transaction or connection. The database runs them in order,
 * without a round trip in between. Even after a failure, all have finished before the transaction ends.
 *
 * @throws the error of the first statement that failed, in their order
 */
export async function pipelined<Results extends readonly unknown[] | []>(
  statements: { [Index in keyof Results]: Promise<Results[Index]> },
): Promise<Results> {
  await Promise.allSettled(statements)
  return (await Promise.all(statements)) as unknown as Results
}
