import { getOrInsert } from '../src/platform/get-or-insert.ts'
/** The measurements, by line and column. Each is printed when it is set, and the whole table at the end. */
export interface Table {
  set(line: string, column: string, text: string): void
  print(columns: readonly string[]): void
}

export function createTable(): Table {
  const lines = new Map<string, Map<string, string>>()
  return {
    set(line, column, text) {
      getOrInsert(lines, line, () => new Map()).set(column, text)
      console.log(`${column.padEnd(12)} ${line.padEnd(58)} ${text}`)
    },
    print(columns) {
      const rows = [...lines].map(([line, cells]) => [
        line,
        ...columns.map((column) => cells.get(column) ?? ''),
      ])
      const all = [['line', ...columns], ...rows]
      const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
      const show = (row: readonly string[]) =>
        console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
      console.log()
      show(all[0]!)
      show(widths.map((width) => '-'.repeat(width)))
      for (const row of rows) show(row)
    },
  }
}

export const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en')}/s`
export const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`
export const milliseconds = (ms: number) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
export const times = (ratio: number, of: string) => `${ratio.toFixed(2)} × ${of}`

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

/** @param share 0.99: returns the value that 99 % of the values do not exceed */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1]!
}

/** How many measurements a median is computed from. */
export const rounds = 3

/** Measures three times. @returns the median */
export async function medianOf(measure: (round: number) => Promise<number>): Promise<number> {
  const found: number[] = []
  for (let round = 0; round < rounds; round++) found.push(await measure(round))
  return median(found)
}
