import { printTable } from '../table.ts'

/** A value as JSON, or as people read it: a row for each field. */
export function printOne(value: object, { json }: { json?: boolean }): void {
  if (json) console.log(JSON.stringify(value))
  else printTable(Object.entries(value).map(([name, field]) => [name, toText(field)]))
}

/** Rows as JSON, or as a table of some fields. */
export function printRows<T extends object>(
  rows: readonly T[],
  fields: readonly (keyof T & string)[],
  { json }: { json?: boolean },
): void {
  if (json) console.log(JSON.stringify(rows))
  else if (rows.length === 0) console.log('none')
  else {
    const heads = fields.map((field) => field.toUpperCase().replaceAll('_', ' '))
    printTable([heads, ...rows.map((row) => fields.map((field) => toText(row[field])))])
  }
}

function toText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value) && value.every((entry) => typeof entry !== 'object')) return value.join(',') || '–'
  // What others have written must not move the cursor of whoever reads it.
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.replace(/\p{Cc}/gu, ' ')
}
