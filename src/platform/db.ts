import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { type ConnectionOptions, fromPglite } from 'pg-boss'
import { migrations } from '../../migrations/index.ts'
import { ConfigError } from '../config/config.ts'
import type { Database } from '../database.ts'
import { type EmbeddedClient, openEmbeddedClient } from './embedded-client.ts'
import { createEmbeddedDialect } from './embedded-dialect.ts'
import { makeEmbedded } from './make-embedded.ts'
import { judgeSchema } from './schema-version.ts'

export type Db = Kysely<Database>
export type Trx = Transaction<Database>

/** An open database and how the queue gets at it. */
export interface OpenDatabase {
  db: Db
  /** `pglite`: one connection in a thread; `postgres`: a pool. */
  backend: 'pglite' | 'postgres'
  /** The same embedded database for pg-boss's own statements; absent with PostgreSQL, where it has a pool. */
  queueDb: ConnectionOptions['db']
  /** PostgreSQL only: the pool, for libraries that take one. */
  pool: pg.Pool | undefined
  /** For how long the embedded database has owed answers and given none, in milliseconds; of PostgreSQL always 0. */
  silentMs(): number
  close(): Promise<void>
}

/**
 * Keeps the planner on the index that has jobs in their order. A queue is empty most of the time, and so are its
 * statistics; in a burst the planner then sorts the whole backlog for every claim: 59 ms instead of 0.6 ms at 40,000
 * jobs. Queries for which there is no such index still sort.
 */
export const claimPlanSettings = ['enable_sort = off', 'enable_bitmapscan = off'] as const

/** More would not make two cores faster; the queue has a pool of its own. */
const maxConnections = 10
const connectTimeoutMs = 5_000
/** A new connection has to learn the tables: its first statements take up to 100 ms, and a burst wants some at once. */
const idleConnectionMs = 600_000

/**
 * Opens PGlite in `path` (a crash is recovered from its write-ahead log, as PostgreSQL does it).
 *
 * @param path a folder of this process alone (see data-folder.ts), or `memory://`
 * @param onLost told why it has ended by itself: only a new process can go on then
 * @throws ConfigError when the files there cannot be opened as a database
 */
export async function openEmbedded(path: string, onLost?: (reason: string) => void): Promise<OpenDatabase> {
  let pglite: EmbeddedClient
  try {
    if (path !== inMemory) await makeEmbedded(path)
    pglite = await openEmbeddedClient(path, claimPlanSettings, onLost)
  } catch (cause) {
    throw new ConfigError(`the embedded database in ${path} cannot be opened: ${messageOf(cause)}`, { cause })
  }
  const db = new Kysely<Database>({ dialect: createEmbeddedDialect(pglite) })
  return {
    db,
    backend: 'pglite',
    queueDb: fromPglite(pglite),
    pool: undefined,
    silentMs: pglite.silentMs,
    async close() {
      await db.destroy()
      // Kysely closes only what it has used.
      await pglite.close()
    },
  }
}

/**
 * Opens a pool to PostgreSQL.
 *
 * @throws ConfigError when the server cannot be reached or refuses the log-in; never repeats the password
 */
export async function openPostgres(url: string, onIdleError: (error: Error) => void): Promise<OpenDatabase> {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleConnectionMs,
    application_name: 'krafter-push',
    // Statements of one transaction that do not need each other's rows are sent together.
    pipeline: true,
  })
  // Without a listener a connection that drops while idle would end the process.
  pool.on('error', onIdleError)
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  try {
    const { rows } = await sql<{
      version: number
    }>`select current_setting('server_version_num')::int as version`.execute(db)
    if (rows[0]!.version < minimumServerVersion) {
      throw new ConfigError('DATABASE_URL names a PostgreSQL older than 15')
    }
  } catch (cause) {
    await db.destroy()
    if (cause instanceof ConfigError) throw cause
    throw new ConfigError(
      `DATABASE_URL: the database at ${hostOf(url)} cannot be used: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
  return { db, backend: 'postgres', queueDb: undefined, pool, silentMs: () => 0, close: () => db.destroy() }
}

/**
 * Waits for statements of one transaction or connection that were asked for together: the database runs them in their
 * order, without waiting for us in between. Whatever fails, none of them is left to come when the transaction has ended.
 *
 * @throws the first one's error, in their order
 */
export async function together<Results extends readonly unknown[] | []>(
  statements: { [Index in keyof Results]: Promise<Results[Index]> },
): Promise<Results> {
  await Promise.allSettled(statements)
  return (await Promise.all(statements)) as unknown as Results
}

const inMemory = 'memory://'
const minimumServerVersion = 150_000

/**
 * Brings the tables up to date. Safe to run from several processes at once: the migrator takes a lock. A database that a
 * later version has migrated is left as it is.
 *
 * @param known what this program knows of; a test adds what the next version may bring
 * @returns the migrations of a later version, which this one can run with
 * @throws ConfigError when this version cannot run on the database
 * @throws the migration's own error; what it had changed is rolled back
 */
export async function migrate(db: Db, known: Record<string, Migration> = migrations): Promise<string[]> {
  const judge = async () => judgeSchema(Object.keys(known), await recordedMigrations(db))
  const found = await judge()
  if (!found.pending) return found.newer
  const provider = { getMigrations: async () => known }
  const { error } = await new Migrator({ db, provider, allowUnorderedMigrations: true }).migrateToLatest()
  if (!error) return []
  // A later version that started at the same time may have been quicker.
  const left = await judge()
  if (left.pending) throw error
  return left.newer
}

/** The migrator reads the whole catalogue before anything else: on the embedded database a quarter of its start. */
async function recordedMigrations(db: Db): Promise<string[]> {
  const { rows } = await sql<{
    exists: boolean
  }>`select to_regclass('kysely_migration') is not null as exists`.execute(db)
  if (!rows[0]!.exists) return []
  const recorded = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  return recorded.rows.map(({ name }) => name)
}

function hostOf(url: string): string {
  return new URL(url).host || 'localhost'
}

/**
 * Connecting to several addresses fails with an AggregateError, whose own message is empty; the embedded database's
 * file system throws what has a number and no message.
 */
function messageOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors[0]) return messageOf(cause.errors[0])
  if (cause instanceof Error && cause.message) return cause.message
  const { errno } = cause as { errno?: number }
  return wasiErrors[errno ?? -1] ?? `error ${errno ?? String(cause)}`
}

/** https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#-errno-variant */
const wasiErrors: Record<number, string> = {
  2: 'permission denied',
  51: 'no space left on the device',
  54: 'not a directory',
  69: 'read-only file system',
}
