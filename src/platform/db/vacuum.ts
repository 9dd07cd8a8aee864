import { sql } from 'kysely'
import type { Db } from './db.ts'

/** Minimum number of dead rows, or of rows changed since the last analyze, for a vacuum to be worthwhile. */
const rowsWorthIt = 5_000
/** Share of a table's rows that is added to the minimum for changed rows. */
const partWorthIt = 0.1

/**
 * Does what autovacuum does on a server: frees the space of dead rows and updates the statistics. The embedded database
 * has no background process for this. Each table is vacuumed in a separate short statement.
 *
 * @returns the tables that were vacuumed
 */
export async function vacuumBusyTables(db: Db): Promise<string[]> {
  const { rows } = await sql<{ schema: string; name: string }>`
    select schemaname as schema, relname as name from pg_stat_user_tables
    where n_dead_tup > ${rowsWorthIt}
      or n_mod_since_analyze > ${rowsWorthIt} + n_live_tup * ${partWorthIt}::float8`.execute(db)
  for (const { schema, name } of rows) {
    await sql`vacuum (analyze) ${sql.id(schema, name)}`.execute(db)
  }
  return rows.map(({ name }) => name)
}
