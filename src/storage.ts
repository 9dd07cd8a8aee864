import type { Logger } from 'pino'
import { hasSecrets } from './access/install-store.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './platform/config-error.ts'
import {
  encryptionKeyPath,
  lockDataFolder,
  makeEncryptionKey,
  readEncryptionKey,
} from './platform/db/data-folder.ts'
import type { Db, OpenDatabase } from './platform/db/db.ts'
import { watchEmbedded } from './platform/db/embedded-watch.ts'
import { openEmbedded, openPostgres } from './platform/db/open-database.ts'
import type { ConnectionLimits } from './platform/db/postgres/connection-limits.ts'
import type { Metrics } from './platform/metrics.ts'
import { preparedDatabasePath } from './prepared-database.ts'

/** The database and its encryption keys: all that a command needs when it does not serve requests. */
export interface Storage extends OpenDatabase {
  encryptionKeys: Buffer[]
  /** Embedded database only: watches the database until the returned function is called. */
  watch?(metrics: Metrics): Promise<() => Promise<void>>
}

/**
 * Opens the configured database: PostgreSQL, or the embedded database with its folder locked.
 *
 * @param limits overrides of the default connection limits
 * @throws ConfigError with a one-sentence message
 */
export async function openStorage(
  config: Config,
  log: Logger,
  limits: Partial<ConnectionLimits> = {},
): Promise<Storage> {
  if (config.databaseUrl) {
    const configured = { maxConnections: config.databaseConnections }
    const database = await openPostgres(config.databaseUrl, { log, limits: { ...configured, ...limits } })
    return { ...database, encryptionKeys: config.encryptionKeys! }
  }
  const folder = lockDataFolder(config.dataDir)
  const { databasePath, writableBy } = folder
  if (writableBy) log.warn({ folder: config.dataDir, by: writableBy }, 'folder.writable_by_others')
  let close = async () => folder.unlock()
  try {
    const given = config.encryptionKeys ?? readEncryptionKey(config.dataDir)
    const onLost = (reason: string) => endProcess(log, reason)
    const database = await openEmbedded(databasePath, { onLost, prepared: preparedDatabasePath() })
    close = () => database.close().finally(() => folder.unlock())
    const key = given ?? (await makeFirstKey(config.dataDir, database.db))
    return {
      ...database,
      encryptionKeys: [key].flat(),
      watch: (metrics) =>
        watchEmbedded({ ...database, folder: config.dataDir, databasePath, log, metrics, onLost }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A new key cannot decrypt the secrets in a database and would hide that the old key is missing: it is refused. */
async function makeFirstKey(folder: string, db: Db): Promise<Buffer> {
  if (!(await hasSecrets(db))) return makeEncryptionKey(folder)
  throw new ConfigError(
    `the encryption key ${encryptionKeyPath(folder)} is missing, and the secrets in the database beside it were encrypted with it: restore it from the backup, or set KRAFTER_ENCRYPTION_KEY`,
  )
}

/** A process cannot open the embedded database twice, so it exits. Committed data is available after a restart. */
function endProcess(log: Logger, reason: string): never {
  log.error({ reason }, 'database.broken')
  process.exit(1)
}
