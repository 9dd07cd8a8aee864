import { sql } from 'kysely'
import type { Db } from '../src/platform/db/db.ts'

interface Table {
  name: string
  unlogged: boolean
  options: string[] | null
  /** `RANGE (id)`; null: the table has no partitions. */
  partitions: string | null
  columns: { name: string; type: string; required: boolean; default: string | null }[]
  constraints: { name: string; definition: string }[]
  /** Only indexes that do not belong to a constraint. */
  indexes: string[]
  triggers: string[]
}

/**
 * Our tables, their indexes, their triggers and the triggers' functions, as the catalog describes them, independent of
 * the migrations that created them. The tables of pg-boss and of the migrator are left out, and so are partitions.
 *
 * @returns SQL, the same from every database
 */
export async function dumpSchema(db: Db): Promise<string> {
  const { rows } = await sql<Table>`
    select t.relname as name,
      t.relpersistence = 'u' as unlogged,
      t.reloptions as options,
      pg_get_partkeydef(t.oid) as partitions,
      (select json_agg(json_build_object(
          'name', a.attname,
          'type', format_type(a.atttypid, a.atttypmod),
          'required', a.attnotnull,
          'default', pg_get_expr(d.adbin, d.adrelid)) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped) as columns,
      (select coalesce(json_agg(json_build_object(
          'name', c.conname,
          'definition', pg_get_constraintdef(c.oid)) order by c.contype = 'f', c.conname collate "C"), '[]')
        from pg_constraint c where c.conrelid = t.oid and c.contype in ('p', 'u', 'f', 'c')) as constraints,
      (select coalesce(json_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid::regclass::text collate "C"), '[]')
        from pg_index i where i.indrelid = t.oid
          and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u'))
      ) as indexes,
      (select coalesce(json_agg(pg_get_triggerdef(g.oid) order by g.tgname collate "C"), '[]')
        from pg_trigger g where g.tgrelid = t.oid and not g.tgisinternal) as triggers
    from pg_class t
    where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p') and not t.relispartition
      and t.relname not like 'kysely\\_%'
    order by t.relname collate "C"`.execute(db)
  const functions = await sql<{ definition: string }>`
    select pg_get_functiondef(p.oid) as definition from pg_proc p
    where p.pronamespace = 'public'::regnamespace order by p.proname collate "C"`.execute(db)
  const definitions = functions.rows.map(({ definition }) => `\n${definition.trimEnd()};\n`)
  return `-- The tables as the migrations leave them. Made by \`npm run schema\`; not to be edited.\n${definitions.join('')}${rows.map(toSql).join('')}`
}

function toSql(table: Table): string {
  const columns = table.columns.map(({ name, type, required, default: value }) =>
    [name, type, required && 'NOT NULL', value !== null && `DEFAULT ${value}`].filter(Boolean).join(' '),
  )
  const constraints = table.constraints.map(({ name, definition }) => `CONSTRAINT ${name} ${definition}`)
  const options = table.options ? ` WITH (${table.options.join(', ')})` : ''
  const partitions = table.partitions === null ? '' : ` PARTITION BY ${table.partitions}`
  return [
    `\nCREATE ${table.unlogged ? 'UNLOGGED ' : ''}TABLE ${table.name} (`,
    [...columns, ...constraints].map((line) => `  ${line}`).join(',\n'),
    `)${partitions}${options};`,
    ...[...table.indexes, ...table.triggers].map((statement) => `${statement};`),
    '',
  ].join('\n')
}
