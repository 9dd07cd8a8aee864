import { readConfig } from '../config/config.ts'
import { migrate } from '../platform/db/migrate.ts'
import { createLogger } from '../platform/log.ts'
import { openStorage } from '../storage.ts'

/** Brings the configured database up to date. The queue's own tables are made by the first `serve`. */
export async function runMigrate(): Promise<void> {
  const config = readConfig(process.env)
  const storage = await openStorage(config, createLogger(config.logLevel, process.stderr))
  try {
    const newer = await migrate(storage.db)
    console.log(
      newer.length === 0
        ? 'The database is up to date.'
        : `The database is newer than this version, which can run with it: it has ${newer.join(', ')}.`,
    )
  } finally {
    await storage.close()
  }
}
