import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { lockDataFolder, readOrMakeEncryptionKey } from './platform/data-folder.ts'
import { type OpenDatabase, openEmbedded, openPostgres } from './platform/db.ts'
import { watchEmbedded } from './platform/embedded-watch.ts'
import type { Metrics } from './platform/metrics.ts'

/** The database and what its secrets are encrypted with: all that a command needs which does not serve. */
export interface Storage extends OpenDatabase {
  encryptionKeys: Buffer[]
  /** Embedded only: looks after the database until what it returns is called. */
  watch?(metrics: Metrics): Promise<() => Promise<void>>
}

/**
 * Opens the configured database: PostgreSQL, or the embedded one with its folder locked.
 *
 * @throws ConfigError in one sentence
 */
export async function openStorage(config: Config, log: Logger): Promise<Storage> {
  if (config.databaseUrl) {
    const database = await openPostgres(config.databaseUrl, (error) =>
      log.warn({ err: error }, 'database.lost'),
    )
    return { ...database, encryptionKeys: config.encryptionKeys! }
  }
  const folder = lockDataFolder(config.dataDir)
  try {
    const encryptionKeys = config.encryptionKeys ?? [readOrMakeEncryptionKey(config.dataDir)]
    const onLost = (reason: string) => endProcess(log, reason)
    const database = await openEmbedded(folder.databasePath, onLost)
    const { databasePath } = folder
    return {
      ...database,
      encryptionKeys,
      watch: (metrics) =>
        watchEmbedded({ ...database, folder: config.dataDir, databasePath, log, metrics, onLost }),
      close: () => database.close().finally(() => folder.unlock()),
    }
  } catch (error) {
    folder.unlock()
    throw error
  }
}

/** The embedded database cannot be opened a second time in one process; what is committed is there after a restart. */
function endProcess(log: Logger, reason: string): never {
  log.error({ reason }, 'database.broken')
  process.exit(1)
}
