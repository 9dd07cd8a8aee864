import { PGlite } from '@electric-sql/pglite'
import { inMemory } from './make-embedded.ts'
import { openSyncedFiles, syncSettings } from './synced-files.ts'

/** A quarter of PGlite's default is as fast here, starts in half the time and saves 100 MB of memory. */
const memorySettings = ['shared_buffers=32MB']
/** Limits the write-ahead log that checkpoints keep for reuse; the default is up to 1 GB. */
const logSettings = ['min_wal_size=32MB', 'max_wal_size=64MB']

const startParams = [
  ...PGlite.defaultStartParams,
  ...[...memorySettings, ...logSettings].flatMap((setting) => ['-c', setting]),
]

/**
 * Opens the database in a folder, or one in memory. In a folder, everything that it acknowledges is on the disk.
 *
 * @param onStderr gets each line that PostgreSQL logs
 */
export async function openPglite(path: string, onStderr: (line: string) => boolean): Promise<PGlite> {
  if (path === inMemory) return PGlite.create(path, { startParams, onStderr })
  const { fs, synced } = openSyncedFiles(path)
  const params = [...startParams, ...syncSettings.flatMap((setting) => ['-c', setting])]
  const pglite = await PGlite.create({ fs, startParams: params, onStderr })
  // PostgreSQL writes and syncs its control file whenever it starts.
  if (synced() === 0) throw new Error('this version of PGlite does not sync its files')
  return pglite
}
