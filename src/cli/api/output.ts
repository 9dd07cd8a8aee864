import { printTable } from '../table.ts'

/** Prints a value as JSON, or as a table with a row for each field. */
export function printOne(value: object, { json }: { json?: boolean }): void {
  if (json) console.log(JSON.stringify(value))
  else printTable(Object.entries(value).map(([name, field]) => [name, toText(field)]))
}

/** Prints rows as JSON, or as a table of the given fields. */
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
  // Control characters in stored text must not move the reader's cursor.
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.replace(/\p{Cc}/gu, ' ')
}
