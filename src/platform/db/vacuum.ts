import { sql } from 'kysely'
import type { Db } from './db.ts'

/** Rows that were changed or deleted and still take room, or that the statistics do not know, before it is worth it. */
const rowsWorthIt = 5_000
/** Of a table's rows that the statistics do not know. */
const partWorthIt = 0.1

/**
 * What autovacuum does on a server: frees the room of dead rows and brings the statistics up to date. The embedded
 * database has no background process for it. Each table is a short statement of its own.
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
