import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpSchema } from '../../scripts/dump-schema.ts'
import type { OpenDatabase } from '../../src/platform/db/db.ts'
import { migrate } from '../../src/platform/db/migrate.ts'
import { openEmbedded, openPostgres } from '../../src/platform/db/open-database.ts'
import { createLogger } from '../../src/platform/log.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { migrateWatched } from '../support/watched-migrations.ts'

describeOnEachBackend('the schema', (make) => {
  let storage: TestStorage
  let database: OpenDatabase
  let broken: string[] = []

  beforeAll(async () => {
    storage = await make()
    const url = storage.env.DATABASE_URL
    database = url
      ? await openPostgres(url, { log: createLogger('silent') })
      : await openEmbedded('memory://')
    // The server's is a copy of one that has been migrated.
    if (url) await migrate(database.db)
    else broken = await migrateWatched(database.db)
  })

  afterAll(async () => {
    await database.close()
    await storage.drop()
  })

  test('migrations/schema.sql is what the migrations make: npm run schema makes it anew', async () => {
    const stored = readFileSync(new URL('../../migrations/schema.sql', import.meta.url), 'utf8')
    expect(await dumpSchema(database.db)).toBe(stored)
  })

  test('every migration only adds: the version before can read and insert as it did', () => {
    expect(broken).toEqual([])
  })
})
