import { migrate } from '../platform/db/migrate.ts'
import { createLogger } from '../platform/log.ts'
import { openStorage } from '../storage.ts'
import { type OutputOptions, print } from './output.ts'
import { readSettings } from './read-settings.ts'

/** Migrates the configured database. The first `serve` creates the queue's own tables. */
export async function runMigrate(options: OutputOptions): Promise<void> {
  const config = readSettings()
  const storage = await openStorage(config, createLogger(config.logLevel, process.stderr))
  try {
    const newer = await migrate(storage.db)
    const text =
      newer.length === 0
        ? 'The database is up to date.'
        : `The database is newer than this version, which can run with it: it has ${newer.join(', ')}.`
    print({ newer }, options, () => console.log(text))
  } finally {
    await storage.close()
  }
}
