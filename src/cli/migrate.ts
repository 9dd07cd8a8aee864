import { readConfig } from '../config/config.ts'
import { migrate } from '../platform/db.ts'
import { createLogger } from '../platform/log.ts'
import { openStorage } from '../storage.ts'

/** Brings the configured database up to date. The queue's own tables are made by the first `serve`. */
export async function runMigrate(): Promise<void> {
  const config = readConfig(process.env)
  const storage = await openStorage(config, createLogger(config.logLevel))
  try {
    await migrate(storage.db)
    console.log('The database is up to date.')
  } finally {
    await storage.close()
  }
}
