export interface OutputOptions {
  json?: boolean
}

/** Prints a value: as JSON, or for people by `show`. */
export function print(value: unknown, { json }: OutputOptions, show: () => void): void {
  if (json) console.log(JSON.stringify(value))
  else show()
}

/** Prints a value as JSON, or as a table with a row for each field. */
export function printOne(value: object, options: OutputOptions): void {
  print(value, options, () => printTable(Object.entries(value).map(([name, field]) => [name, toText(field)])))
}

/** Prints rows as JSON, or as a table of the given fields. */
export function printRows<T extends object>(
  rows: readonly T[],
  fields: readonly (keyof T & string)[],
  options: OutputOptions,
): void {
  const heads = fields.map((field) => field.toUpperCase().replaceAll('_', ' '))
  const table = [heads, ...rows.map((row) => fields.map((field) => toText(row[field])))]
  print(rows, options, () => (rows.length === 0 ? console.log('none') : printTable(table)))
}

/** Prints rows with aligned columns. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  )
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
  }
}

function toText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value) && value.every((entry) => typeof entry !== 'object')) return value.join(',') || '–'
  // Control characters in stored text must not move the reader's cursor.
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.replace(/\p{Cc}/gu, ' ')
}
