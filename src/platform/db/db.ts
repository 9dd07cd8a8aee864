import type { Kysely, Transaction } from 'kysely'
import type { ConnectionOptions } from 'pg-boss'
import type { Database } from '../../database.ts'
import type { DatabaseState } from './postgres/availability.ts'

export type Db = Kysely<Database>
export type Trx = Transaction<Database>

/** An open database and how the queue gets at it. */
export interface OpenDatabase {
  db: Db
  /** `pglite`: one connection in a thread; `postgres`: a pool. */
  backend: 'pglite' | 'postgres'
  /** For pg-boss's own statements: the same embedded database, or a pool of their own. */
  queueDb: ConnectionOptions['db']
  /** Whether it can be listened to for notifications: not behind a pooler in transaction mode. */
  hasSessions: boolean
  /** Whether the database takes writes now, asked apart from all other work; for the embedded one, after it. */
  readState(): Promise<DatabaseState>
  /** For how long the embedded database has owed answers and given none, in milliseconds; of PostgreSQL always 0. */
  silentMs(): number
  /** How its connections for requests and workers are used now. The embedded database has one. */
  connectionUse(): ConnectionUse
  close(): Promise<void>
}

/** Connections of this process to the database, and who waits for one. */
export interface ConnectionUse {
  inUse: number
  idle: number
  waiting: number
  limit: number
}

/**
 * Waits for statements of one transaction or connection that were asked for together: the database runs them in their
 * order, without waiting for us in between. Whatever fails, none of them is left to come when the transaction has ended.
 *
 * @throws the first one's error, in their order
 */
export async function pipelined<Results extends readonly unknown[] | []>(
  statements: { [Index in keyof Results]: Promise<Results[Index]> },
): Promise<Results> {
  await Promise.allSettled(statements)
  return (await Promise.all(statements)) as unknown as Results
}
