import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { TestProject } from 'vitest/node'
import type { OpenDatabase } from '../../src/platform/db/db.ts'
import { migrate } from '../../src/platform/db/migrate.ts'
import { openEmbedded, openPostgres } from '../../src/platform/db/open-database.ts'
import { createLogger } from '../../src/platform/log.ts'
import { startQueue } from '../../src/platform/start-queue.ts'
import { preparedDatabasePath } from '../../src/prepared-database.ts'
import { queues } from '../../src/queues.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'
import { makeServerDatabase, type ServerDatabase } from './server-database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * A server that test databases can be made on, or null and why there is none. `template` is the name of one that
     * has its tables and nothing in them, to make others from.
     */
    postgres: { url: string | null; reason: string | null; template: string }
    /** The files of an embedded database that has its tables and nothing in them, to copy. */
    emptyDatabase: string
  }
}

/** One PostgreSQL, and one empty database of each kind, for the whole run: making one takes seconds. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-empty-'))
  const emptyDatabase = join(folder, 'database')
  const [{ server, made }] = await Promise.all([
    makeTemplate(),
    openEmbedded(emptyDatabase, { prepared: preparedDatabasePath() }).then(async (database) => {
      await dropTemplates(database)
      await makeTables(database)
    }),
  ])
  project.provide('postgres', { url: server.url, reason: server.reason, template: made?.name ?? '' })
  project.provide('emptyDatabase', emptyDatabase)
  return async () => {
    await made?.drop()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function makeTemplate(): Promise<{ server: PostgresServer; made: ServerDatabase | null }> {
  const server = await startPostgres()
  const made = server.url ? await makeServerDatabase(server.url, 'krafter_template') : null
  if (made) await makeTables(await openPostgres(made.url, { log: createLogger('silent') }))
  return { server, made }
}

/** Half of the files, and of the time to copy them; nobody makes another database in there. */
async function dropTemplates({ db }: OpenDatabase): Promise<void> {
  await sql`update pg_database set datistemplate = false`.execute(db)
  for (const name of ['template0', 'template1'])
    await sql`drop database if exists ${sql.id(name)}`.execute(db)
}

/** As the first start does it. */
async function makeTables(database: OpenDatabase): Promise<void> {
  await migrate(database.db)
  const queue = await startQueue(database, queues, createLogger('error'), false)
  await queue.stop(1_000)
  await database.close()
}
