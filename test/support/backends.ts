import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, inject, test } from 'vitest'
import type { OpenDatabase } from '../../src/platform/db/db.ts'
import { openEmbedded, openPostgres } from '../../src/platform/db/open-database.ts'
import { createLogger } from '../../src/platform/log.ts'
import { makeServerDatabase } from './server-database.ts'

/** Where a service under test keeps its data: environment variables for it, and how to remove it. */
export interface TestStorage {
  backend: 'pglite' | 'postgres'
  env: Record<string, string>
  drop(): Promise<void>
}

/** A data folder of its own with an embedded database: empty, and copied, because making one takes seconds. */
export function makeDataFolder(): TestStorage {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  cpSync(inject('emptyDatabase'), join(folder, 'database'), { recursive: true })
  return {
    backend: 'pglite',
    env: { KRAFTER_DATA_DIR: folder },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A fresh database on the run's PostgreSQL. */
export async function makeDatabase(): Promise<TestStorage> {
  const { url: serverUrl, template } = inject('postgres')
  const { url, drop } = await makeServerDatabase(serverUrl!, 'krafter_test', template)
  return {
    backend: 'postgres',
    env: { DATABASE_URL: url, KRAFTER_ENCRYPTION_KEY: randomBytes(32).toString('base64') },
    drop,
  }
}

/**
 * Runs a suite on the embedded database and on PostgreSQL; where that cannot run, the report says why.
 *
 * @param options with `together`, on both at the same time, its tests one after the other: for what mostly waits, and has
 *   nothing outside of it that both would change (hooks made within a test, `onTestFinished`, among it)
 */
export function describeOnEachBackend(
  name: string,
  suite: (make: () => Promise<TestStorage>) => void,
  { together = false }: { together?: boolean } = {},
): void {
  const inTurn = (make: () => Promise<TestStorage>) =>
    void describe('in turn', { concurrent: false }, () => suite(make))
  const run = (title: string, make: () => Promise<TestStorage>) =>
    together ? describe.concurrent(title, () => inTurn(make)) : describe(title, () => suite(make))
  run(`${name} (PGlite)`, async () => makeDataFolder())
  const { url, reason } = inject('postgres')
  if (url) run(`${name} (PostgreSQL)`, makeDatabase)
  else test.skip(`${name} (PostgreSQL): ${reason}`, () => {})
}

/** Opens a test's storage without the rest of the service; its tables are not made. */
export function openDatabase({ env }: TestStorage): Promise<OpenDatabase> {
  const url = env.DATABASE_URL
  return url
    ? openPostgres(url, { log: createLogger('silent') })
    : openEmbedded(join(env.KRAFTER_DATA_DIR!, 'database'))
}
