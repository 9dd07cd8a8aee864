import { type RawBuilder, sql } from 'kysely'

type ColumnType = 'uuid' | 'int' | 'text' | 'timestamptz'
type Value = string | number | Date | null | undefined

/**
 * Given rows as a table, for a `from` clause: `select id from ${rowsFrom('row', rows, { id: 'uuid' })}`. Each column goes
 * to the database as one array, which it reads in half the time that it takes for JSON.
 *
 * @param alias the table's name in the statement
 * @param types the columns, by name
 */
export function rowsFrom<Column extends string>(
  alias: string,
  rows: readonly { [Name in NoInfer<Column>]?: Value }[],
  types: Record<Column, ColumnType>,
): RawBuilder<unknown> {
  const names = Object.keys(types) as Column[]
  const columns = names.map((name) => {
    const values = rows.map((row) => row[name])
    return arrayOf(types[name], values)
  })
  return sql`unnest(${sql.join(columns)}) as ${sql.id(alias)} (${sql.join(names.map((name) => sql.id(name)))})`
}

/** An array as the database reads it. Writing one is several times quicker here than in `pg`, which knows no types. */
export function arrayOf(type: ColumnType, values: readonly Value[]): RawBuilder<unknown> {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return 'NULL'
    if (value instanceof Date) return value.toISOString()
    return type === 'text' ? quote(String(value)) : value
  })
  return sql`${sql.val(`{${elements.join(',')}}`)}::${sql.raw(type)}[]`
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
