import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, openDatabase, type TestStorage } from '../../../test/support/backends.ts'
import { createLogger } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import type { OpenDatabase } from './db.ts'
import { lostAfterMs, maxLogFiles, watchEmbedded } from './embedded-watch.ts'

let storage: TestStorage
let database: OpenDatabase
let folder: string

beforeAll(async () => {
  storage = makeDataFolder()
  folder = storage.env.KRAFTER_DATA_DIR!
  database = await openDatabase(storage)
})

afterAll(async () => {
  await database.close()
  await storage.drop()
})

const watchOnce = async (silentMs: number) => {
  const lost: string[] = []
  const stop = await watchEmbedded({
    db: database.db,
    silentMs: () => silentMs,
    folder,
    databasePath: join(folder, 'database'),
    log: createLogger('silent'),
    metrics: createMetrics(),
    onLost: (reason) => lost.push(reason),
  })
  await stop()
  return lost
}

test('the write-ahead log of the embedded database does not grow for ever', async () => {
  const logFiles = () =>
    readdirSync(join(folder, 'database', 'pg_wal')).filter((name) => name.startsWith('0000')).length
  for (let file = 0; file <= maxLogFiles; file++) {
    await sql`select pg_logical_emit_message(false, 'test', 'text'), pg_switch_wal()`.execute(database.db)
  }
  expect(logFiles()).toBeGreaterThan(maxLogFiles)
  await watchOnce(0)
  expect(logFiles()).toBeLessThan(maxLogFiles)
})

test('a database that has been silent for five minutes is given up, one that is slow is not', async () => {
  expect(await watchOnce(lostAfterMs)).toEqual([])
  expect(await watchOnce(lostAfterMs + 1)).toEqual(['no answer for 300 s'])
})
