import { readdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import type { Metrics } from '../metrics.ts'
import { onceIn } from '../once-in.ts'
import type { OpenDatabase } from './db.ts'

/** The database to watch. */
export interface WatchedDatabase extends Pick<OpenDatabase, 'db' | 'silentMs'> {
  /** The data folder, as passed to `lockDataFolder`; `databasePath` is the database's folder in it. */
  folder: string
  databasePath: string
  log: Logger
  metrics: Pick<Metrics, 'diskFree'>
  /** Called when the database has been silent for {@link lostAfterMs}. */
  onLost: (reason: string) => void
}

/** The database allocates 16 MiB at a time; a campaign or a burst of registrations needs hundreds of MiB. */
export const lowDiskBytes = 512 * 1_048_576
const warnEveryMs = 600_000
/** Longer than any statement on a database that one process can serve. */
export const lostAfterMs = 300_000
/** Limit of the write-ahead log, in files of 16 MiB. Only a checkpoint shrinks it; a server would run one by itself. */
export const maxLogFiles = 8
const checkEveryMs = 15_000

/**
 * Does what background processes and operators do for a PostgreSQL server: keeps the write-ahead log small, warns when
 * the disk is nearly full, and reports when the database no longer answers. Checks at once and then every `everyMs`.
 *
 * @returns a function that ends the watch
 */
export async function watchEmbedded(
  watched: WatchedDatabase,
  everyMs: number = checkEveryMs,
): Promise<() => Promise<void>> {
  const mayWarn = onceIn(warnEveryMs)
  const check = async () => {
    const freeBytes = await readFreeBytes(watched)
    if (freeBytes < lowDiskBytes && mayWarn()) {
      watched.log.warn({ folder: watched.folder, freeBytes, lowBelowBytes: lowDiskBytes }, 'disk.low')
    }
    await shortenLog(watched)
  }
  let checking: Promise<void> | undefined
  const next = () => {
    if (watched.silentMs() > lostAfterMs) watched.onLost(`no answer for ${lostAfterMs / 1_000} s`)
    checking ??= check()
      .catch((error: unknown) => watched.log.warn({ err: error }, 'database.watch_failed'))
      .finally(() => {
        checking = undefined
      })
    return checking
  }
  await next()
  const timer = setInterval(next, everyMs).unref()
  return async () => {
    clearInterval(timer)
    await checking
  }
}

async function readFreeBytes({ folder, metrics }: WatchedDatabase): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  metrics.diskFree.set({ folder }, bavail * bsize)
  return bavail * bsize
}

async function shortenLog({ db, databasePath }: WatchedDatabase): Promise<void> {
  const names = await readdir(join(databasePath, 'pg_wal'))
  if (names.filter((name) => /^[0-9A-F]{24}$/.test(name)).length > maxLogFiles)
    await sql`checkpoint`.execute(db)
}
