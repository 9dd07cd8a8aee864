import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { migrations } from '../../../migrations/index.ts'
import type { Db } from './db.ts'
import { judgeSchema } from './schema-version.ts'

/**
 * Brings the tables up to date. Several processes may run it at once: the migrator takes a lock. A database that a
 * later version has migrated is left unchanged.
 *
 * @param known the migrations of this program; a test adds some of a later version
 * @returns the migrations of a later version that this one can run with
 * @throws ConfigError when this version cannot run on the database
 * @throws the migration's own error; its changes are rolled back
 */
export async function migrate(db: Db, known: Record<string, Migration> = migrations): Promise<string[]> {
  const judge = async () => judgeSchema(Object.keys(known), await recordedMigrations(db))
  const found = await judge()
  if (!found.pending) return found.newer
  const provider = { getMigrations: async () => known }
  const { error } = await new Migrator({ db, provider, allowUnorderedMigrations: true }).migrateToLatest()
  if (!error) return []
  // A later version that started at the same time may have migrated first.
  const left = await judge()
  if (left.pending) throw error
  return left.newer
}

/** Saves a run of the migrator, which reads the whole catalogue first: a quarter of the embedded database's start. */
async function recordedMigrations(db: Db): Promise<string[]> {
  const { rows } = await sql<{
    exists: boolean
  }>`select to_regclass('kysely_migration') is not null as exists`.execute(db)
  if (!rows[0]!.exists) return []
  const recorded = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  return recorded.rows.map(({ name }) => name)
}
