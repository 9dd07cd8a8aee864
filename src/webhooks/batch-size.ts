/** The default limit on a batch's body, in bytes. Most receivers accept 1 MiB, some only 256 KiB. */
export const defaultBatchBytes = 262_144

/** The bytes of a JSON array of bodies, including brackets and commas. */
export function batchBytes(bodyBytes: readonly number[]): number {
  return bodyBytes.reduce((sum, bytes) => sum + bytes, 0) + bodyBytes.length + 1
}

/** How many of the first bodies fit into a batch of `maxBytes`; at least one, however large it is. */
export function countWithin(bodyBytes: readonly number[], maxBytes: number): number {
  let bytes = 1
  for (const [index, each] of bodyBytes.entries()) {
    bytes += each + 1
    if (bytes > maxBytes) return Math.max(1, index)
  }
  return bodyBytes.length
}

/**
 * Decides from the answer to a batch how large the next batch may be.
 *
 * @returns half the bytes of the batch if it had several events and was too large (413), so that its events are sent in
 *   smaller batches next time; null when the answer applies to the batch as sent
 */
export function halvedBytes(status: number | null, bodyBytes: readonly number[]): number | null {
  return status === 413 && bodyBytes.length > 1 ? Math.floor(batchBytes(bodyBytes) / 2) : null
}
