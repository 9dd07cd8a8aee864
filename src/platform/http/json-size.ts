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

/** Why a parsed JSON value is not taken. */
export type Excess = 'bytes' | 'levels'

/**
 * What is too much about a parsed JSON value: its length when it is written out, or how deep its objects and arrays lie
 * in each other. Looks at no more of it than tells.
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
  // Both brackets, less the comma that the first entry has not.
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
