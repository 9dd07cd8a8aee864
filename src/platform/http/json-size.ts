/**
 * Whether a parsed JSON value is at most `maxBytes` long when it is written out, without whitespace. Stops as soon as
 * it is longer, and needs no stack: what a client sent may be long or deep beyond all measure.
 */
export function isWithinJsonBytes(value: unknown, maxBytes: number): boolean {
  let left = maxBytes
  const waiting: unknown[] = [value]
  while (waiting.length > 0 && left >= 0) {
    const next = waiting.pop()
    if (typeof next !== 'object' || next === null) {
      left -= scalarBytes(next, left)
    } else if (Array.isArray(next)) {
      // Brackets, and a comma between entries.
      left -= 2 + Math.max(0, next.length - 1)
      if (left >= 0) for (const entry of next) waiting.push(entry)
    } else {
      // Braces; for each entry its key, a colon, and a comma but for the first.
      left -= 1
      for (const key in next) {
        left -= 2 + scalarBytes(key, left)
        if (left < 0) return false
        waiting.push((next as Record<string, unknown>)[key])
      }
      if (isEmpty(next)) left -= 1
    }
  }
  return left >= 0
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false
  return true
}

function scalarBytes(value: unknown, enough: number): number {
  if (typeof value === 'string' && value.length > enough) return value.length
  return Buffer.byteLength(String(JSON.stringify(value)))
}
