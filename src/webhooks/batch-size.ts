/** Bytes of a batch's body, unless the webhook says otherwise. Receivers commonly take 1 MiB, some 256 KiB. */
export const defaultBatchBytes = 262_144

/** Bytes of an array of bodies: brackets, and commas between them. */
export function batchBytes(bodyBytes: readonly number[]): number {
  return bodyBytes.reduce((sum, bytes) => sum + bytes, 0) + bodyBytes.length + 1
}

/** How many of the first bodies make a batch of at most `maxBytes`; one at least, however large it is. */
export function countWithin(bodyBytes: readonly number[], maxBytes: number): number {
  let bytes = 1
  for (const [index, each] of bodyBytes.entries()) {
    bytes += each + 1
    if (bytes > maxBytes) return Math.max(1, index)
  }
  return bodyBytes.length
}

/**
 * What a batch was answered with decides how large the next one may be.
 *
 * @returns half the bytes of a batch of several events that was too large (413), so that each of its events is in a
 *   smaller one next time; null when the answer stands for what was sent
 */
export function halvedBytes(status: number | null, bodyBytes: readonly number[]): number | null {
  return status === 413 && bodyBytes.length > 1 ? Math.floor(batchBytes(bodyBytes) / 2) : null
}
