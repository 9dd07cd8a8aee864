import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { migrations } from '../../../migrations/index.ts'
import type { Db } from './db.ts'
import { judgeSchema } from './schema-version.ts'

/**
 * Brings the tables up to date. Safe to run from several processes at once: the migrator takes a lock. A database that a
 * later version has migrated is left as it is.
 *
 * @param known what this program knows of; a test adds what the next version may bring
 * @returns the migrations of a later version, which this one can run with
 * @throws ConfigError when this version cannot run on the database
 * @throws the migration's own error; what it had changed is rolled back
 */
export async function migrate(db: Db, known: Record<string, Migration> = migrations): Promise<string[]> {
  const judge = async () => judgeSchema(Object.keys(known), await recordedMigrations(db))
  const found = await judge()
  if (!found.pending) return found.newer
  const provider = { getMigrations: async () => known }
  const { error } = await new Migrator({ db, provider, allowUnorderedMigrations: true }).migrateToLatest()
  if (!error) return []
  // A later version that started at the same time may have been quicker.
  const left = await judge()
  if (left.pending) throw error
  return left.newer
}

/** The migrator reads the whole catalogue before anything else: on the embedded database a quarter of its start. */
async function recordedMigrations(db: Db): Promise<string[]> {
  const { rows } = await sql<{
    exists: boolean
  }>`select to_regclass('kysely_migration') is not null as exists`.execute(db)
  if (!rows[0]!.exists) return []
  const recorded = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  return recorded.rows.map(({ name }) => name)
}
