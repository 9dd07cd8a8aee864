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
