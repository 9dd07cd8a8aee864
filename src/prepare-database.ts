import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { packFolder } from './platform/db/folder-archive.ts'
import { migrate } from './platform/db/migrate.ts'
import { openEmbedded } from './platform/db/open-database.ts'
import { createLogger } from './platform/log.ts'
import { startQueue } from './platform/start-queue.ts'
import { preparedDatabasePath, preparedFolder } from './prepared-database.ts'
import { queues } from './queues.ts'

/**
 * A program that `npm ci` and `npm run build` run in a checkout. It prepares the embedded database for a first start,
 * unless the file exists. Creating a database takes seconds; unpacking it takes a fraction of a second.
 */
async function main(): Promise<void> {
  const prepared = preparedDatabasePath()
  if (!prepared || existsSync(prepared)) return
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-prepare-'))
  try {
    const path = join(folder, 'database')
    await makeDatabase(path)
    // A database prepared by another version is useless.
    rmSync(preparedFolder, { recursive: true, force: true })
    mkdirSync(preparedFolder, { recursive: true })
    const unfinished = `${prepared}.${process.pid}`
    writeFileSync(unfinished, packFolder(path))
    renameSync(unfinished, prepared)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function makeDatabase(path: string): Promise<void> {
  const database = await openEmbedded(path)
  const { db } = database
  // The templates are half of the files, and nobody creates another database there.
  await sql`update pg_database set datistemplate = false`.execute(db)
  for (const name of ['template0', 'template1']) await sql`drop database ${sql.id(name)}`.execute(db)
  await migrate(db)
  const queue = await startQueue(database, queues, createLogger('error'), false)
  await queue.stop(1_000)
  await database.close()
}

await main()
process.exit(0)
