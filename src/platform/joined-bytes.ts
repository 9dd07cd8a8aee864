/**
 * Joins bytes in memory of their own. Node's pool of small Buffers would not do: a thread to which an array is posted gets
 * all the memory that the array is a part of.
 */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
