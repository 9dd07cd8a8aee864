import type { Logger } from 'pino'
import type { Config } from './config/config.ts'
import { lockDataFolder, readOrMakeEncryptionKey } from './platform/data-folder.ts'
import { type OpenDatabase, openEmbedded, openPostgres } from './platform/db.ts'

/** The database and what its secrets are encrypted with: all that a command needs which does not serve. */
export interface Storage extends OpenDatabase {
  encryptionKeys: Buffer[]
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
    const database = await openEmbedded(folder.databasePath)
    const close = () => database.close().finally(() => folder.unlock())
    return { ...database, close, encryptionKeys }
  } catch (error) {
    folder.unlock()
    throw error
  }
}
