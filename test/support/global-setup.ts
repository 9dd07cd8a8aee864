import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openEmbedded } from '../../src/platform/db.ts'
import { startPostgres } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server that test databases can be made on, or null and why there is none. */
    postgres: { url: string | null; reason: string | null }
    /** The files of an embedded database with nothing in it, to copy. */
    emptyDatabase: string
  }
}

/** One PostgreSQL and one empty embedded database for the whole run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-empty-'))
  const emptyDatabase = join(folder, 'database')
  await (await openEmbedded(emptyDatabase)).close()
  const server = await startPostgres()
  project.provide('postgres', { url: server.url, reason: server.reason })
  project.provide('emptyDatabase', emptyDatabase)
  return async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
