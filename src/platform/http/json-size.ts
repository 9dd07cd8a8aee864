/**
 * Whether a parsed JSON value is at most `maxBytes` long when serialized without whitespace. Stops as soon as it is
 * longer, and does not recurse: a client's value may be extremely long or deep.
 */
export function isWithinJsonBytes(value: unknown, maxBytes: number): boolean {
  let left = maxBytes
  const waiting: unknown[] = [value]
  while (waiting.length > 0 && left >= 0) {
    const next = waiting.pop()
    if (typeof next !== 'object' || next === null) {
      left -= scalarBytes(next, left)
    } else if (Array.isArray(next)) {
      // Brackets, and commas between entries.
      left -= 2 + Math.max(0, next.length - 1)
      if (left >= 0) for (const entry of next) waiting.push(entry)
    } else {
      // Braces; for each entry its key, a colon, and a comma except for the first.
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

/** Which limit a parsed JSON value exceeds. */
export type Excess = 'bytes' | 'levels'

/**
 * Finds which limit a parsed JSON value exceeds: its serialized length, or the nesting of its objects and arrays.
 * Stops at the first excess.
 */
export function findExcess(value: unknown, maxBytes: number, maxLevels: number): Excess | undefined {
  return measure(value, { bytes: maxBytes }, maxLevels)
}

function measure(value: unknown, left: { bytes: number }, levels: number): Excess | undefined {
  if (typeof value !== 'object' || value === null) {
    left.bytes -= scalarBytes(value, left.bytes)
    return left.bytes < 0 ? 'bytes' : undefined
  }
  if (levels === 0) return 'levels'
  // Both brackets, minus the comma that the loop counts for the first entry.
  left.bytes -= isEmpty(value) ? 2 : 1
  if (Array.isArray(value)) {
    for (const entry of value) {
      left.bytes -= 1
      const excess = left.bytes < 0 ? 'bytes' : measure(entry, left, levels - 1)
      if (excess) return excess
    }
    return left.bytes < 0 ? 'bytes' : undefined
  }
  for (const key in value) {
    left.bytes -= 2 + scalarBytes(key, left.bytes)
    const excess =
      left.bytes < 0 ? 'bytes' : measure((value as Record<string, unknown>)[key], left, levels - 1)
    if (excess) return excess
  }
  return left.bytes < 0 ? 'bytes' : undefined
}
