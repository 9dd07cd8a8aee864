import { Kysely } from 'kysely'
import { fromPglite } from 'pg-boss'
import type { Database } from '../../database.ts'
import { ConfigError } from '../config-error.ts'
import type { ConnectionUse, OpenDatabase } from './db.ts'
import { type EmbeddedClient, openEmbeddedClient } from './embedded-client.ts'
import { createEmbeddedDialect } from './embedded-dialect.ts'
import { makeEmbedded } from './make-embedded.ts'
import { openPostgresConnections, type PostgresOptions } from './postgres/open-postgres.ts'
import { retryConflicts } from './retry-conflicts.ts'

/**
 * Makes the planner use the index that orders jobs. The queue is usually empty, and so are its statistics. In a burst
 * the planner would sort the whole backlog for every claim: 59 ms instead of 0.6 ms at 40,000 jobs. Queries without a
 * suitable index still sort.
 */
export const claimPlanSettings = ['enable_sort = off', 'enable_bitmapscan = off'] as const

/**
 * Opens PGlite in `path`. After a crash or a power cut it recovers from its write-ahead log, like PostgreSQL.
 *
 * @param path a folder that this process has locked (see data-folder.ts), or `memory://`
 * @param options `onLost` gets the reason when the database ends by itself; only a new process can open it again.
 *   `prepared` is the archive that a new database starts from, see make-embedded.ts
 * @throws ConfigError when the files in `path` cannot be opened as a database
 */
export async function openEmbedded(
  path: string,
  { onLost, prepared }: { onLost?: (reason: string) => void; prepared?: string } = {},
): Promise<OpenDatabase> {
  let pglite: EmbeddedClient
  try {
    await makeEmbedded(path, prepared)
    pglite = await openEmbeddedClient(path, claimPlanSettings, onLost)
  } catch (cause) {
    throw new ConfigError(`the embedded database in ${path} cannot be opened: ${messageOf(cause)}`, { cause })
  }
  const db = new Kysely<Database>({ dialect: createEmbeddedDialect(pglite) })
  // Transactions run one after the other, but the service itself finds conflicts between them.
  retryConflicts(db)
  return {
    db,
    backend: 'pglite',
    queueDb: fromPglite(pglite),
    hasSessions: true,
    readState: () =>
      pglite.query('select 1').then(
        () => 'ready',
        () => 'unreachable',
      ),
    silentMs: pglite.silentMs,
    connectionUse: () => embeddedUse(pglite.owed()),
    async close() {
      await db.destroy()
      // Kysely only closes a driver that it has used.
      await pglite.close()
    },
  }
}

/**
 * Opens the connections to PostgreSQL.
 *
 * @throws ConfigError when the server cannot be reached or refuses the login; the message never contains the password
 */
export async function openPostgres(
  url: string,
  options: Omit<PostgresOptions, 'queueSettings'>,
): Promise<OpenDatabase> {
  try {
    return await openPostgresConnections(url, { ...options, queueSettings: claimPlanSettings })
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause
    const message = `DATABASE_URL: the database at ${hostOf(url)} cannot be used: ${messageOf(cause)}`
    throw new ConfigError(message, { cause })
  }
}

/** The embedded database has one connection, which statements and transactions use in turn. */
function embeddedUse(owed: number): ConnectionUse {
  const inUse = Math.min(owed, 1)
  return { inUse, idle: 1 - inUse, waiting: owed - inUse, limit: 1 }
}

function hostOf(url: string): string {
  return new URL(url).host || 'localhost'
}

/**
 * Connecting to several addresses fails with an AggregateError, whose own message is empty. The embedded database's
 * file system throws errors that have a number but no message.
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
