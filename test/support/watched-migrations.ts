import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { migrations } from '../../migrations/index.ts'
import type { Db } from '../../src/platform/db/db.ts'

/** Our tables, without partitions and the migrator's own. */
export async function listTables(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname not like 'kysely\\_%' order by relname`.execute(db)
  return rows.map(({ name }) => name)
}

/**
 * Migrates an empty database one migration after the other.
 *
 * @returns what keeps the version before from reading and inserting as it did, but for migrations whose name says so
 */
export async function migrateWatched(db: Db): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const broken: string[] = []
  for (const name of Object.keys(migrations).sort()) {
    const [tables, before] = [await listTables(db), await readColumns(db)]
    const { error } = await migrator.migrateTo(name)
    if (error) throw error
    if (/^\d{4}_needs_/.test(name)) continue
    broken.push(...compare(new Set(tables), before, await readColumns(db)).map((what) => `${name}: ${what}`))
  }
  return broken
}

/** By `table.column`. `optional`: rows can be inserted by who does not know of it. */
type Columns = Map<string, { table: string; type: string; optional: boolean }>

function compare(tables: ReadonlySet<string>, before: Columns, after: Columns): string[] {
  const kept = [...before].flatMap(([column, { type, optional }]) => {
    const now = after.get(column)
    if (!now) return `${column} is gone`
    if (now.type !== type) return `${column} has another type`
    return optional && !now.optional ? `${column} is required now` : []
  })
  const added = [...after].filter(([column, { table }]) => tables.has(table) && !before.has(column))
  return [
    ...kept,
    ...added.filter(([, { optional }]) => !optional).map(([column]) => `${column} is new and required`),
  ]
}

async function readColumns(db: Db): Promise<Columns> {
  const { rows } = await sql<{ table: string; column: string; type: string; optional: boolean }>`
    select relname as table, attname as column, format_type(atttypid, atttypmod) as type,
      not attnotnull or atthasdef or attidentity <> '' as optional
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relname = any(${sql.val(await listTables(db))}) and attnum > 0 and not attisdropped`.execute(db)
  return new Map(rows.map(({ column, ...about }) => [`${about.table}.${column}`, about]))
}
