import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpSchema } from '../../scripts/dump-schema.ts'
import { migrate, type OpenDatabase, openEmbedded, openPostgres } from '../../src/platform/db.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'

describeOnEachBackend('the schema', (make) => {
  let storage: TestStorage
  let database: OpenDatabase

  beforeAll(async () => {
    storage = await make()
    const url = storage.env.DATABASE_URL
    database = url ? await openPostgres(url) : await openEmbedded('memory://')
    await migrate(database.db)
  })

  afterAll(async () => {
    await database.close()
    await storage.drop()
  })

  test('migrations/schema.sql is what the migrations make: npm run schema makes it anew', async () => {
    const stored = readFileSync(new URL('../../migrations/schema.sql', import.meta.url), 'utf8')
    expect(await dumpSchema(database.db)).toBe(stored)
  })
})
