import { Kysely, sql, type Transaction } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { type ConnectionOptions, fromPglite } from 'pg-boss'
import { migrations } from '../../../migrations/index.ts'
import { ConfigError } from '../../config/config.ts'
import type { Database } from '../../database.ts'
import { silentLog } from '../log.ts'
import { type EmbeddedClient, openEmbeddedClient } from './embedded-client.ts'
import { createEmbeddedDialect } from './embedded-dialect.ts'
import { makeEmbedded } from './make-embedded.ts'
import type { DatabaseState } from './postgres/availability.ts'
import type { ConnectionPool } from './postgres/connection-pool.ts'
import { openPostgresConnections, type PostgresOptions, ServerTooOld } from './postgres/open-postgres.ts'
import { judgeSchema } from './schema-version.ts'

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
  /** PostgreSQL only: the pool, for libraries that take one. */
  pool: ConnectionPool | undefined
  /** Whether the database takes writes now, asked apart from all other work; for the embedded one, after it. */
  readState(): Promise<DatabaseState>
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

/**
 * Opens PGlite in `path` (a crash is recovered from its write-ahead log, as PostgreSQL does it).
 *
 * @param path a folder of this process alone (see data-folder.ts), or `memory://`
 * @param options `onLost` is told why it has ended by itself: only a new process can go on then. `prepared` is what a new
 *   one begins with, see make-embedded.ts
 * @throws ConfigError when the files there cannot be opened as a database
 */
export async function openEmbedded(
  path: string,
  { onLost, prepared }: { onLost?: (reason: string) => void; prepared?: string } = {},
): Promise<OpenDatabase> {
  let pglite: EmbeddedClient
  try {
    if (path !== inMemory) await makeEmbedded(path, prepared)
    pglite = await openEmbeddedClient(path, claimPlanSettings, onLost)
  } catch (cause) {
    throw new ConfigError(`the embedded database in ${path} cannot be opened: ${messageOf(cause)}`, { cause })
  }
  const db = new Kysely<Database>({ dialect: createEmbeddedDialect(pglite) })
  return {
    db,
    backend: 'pglite',
    queueDb: fromPglite(pglite),
    hasSessions: true,
    pool: undefined,
    readState: () =>
      pglite.query('select 1').then(
        () => 'ready',
        () => 'unreachable',
      ),
    silentMs: pglite.silentMs,
    async close() {
      await db.destroy()
      // Kysely closes only what it has used.
      await pglite.close()
    },
  }
}

/**
 * Opens the connections to PostgreSQL.
 *
 * @throws ConfigError when the server cannot be reached or refuses the log-in; never repeats the password
 */
export async function openPostgres(
  url: string,
  options: Partial<Omit<PostgresOptions, 'queueSettings'>> = {},
): Promise<OpenDatabase> {
  try {
    return await openPostgresConnections(url, {
      log: silentLog,
      ...options,
      queueSettings: claimPlanSettings,
    })
  } catch (cause) {
    if (cause instanceof ServerTooOld) throw new ConfigError('DATABASE_URL names a PostgreSQL older than 15')
    const message = `DATABASE_URL: the database at ${hostOf(url)} cannot be used: ${messageOf(cause)}`
    throw new ConfigError(message, { cause })
  }
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

const inMemory = 'memory://'

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
