import { fromBase64 } from './bytes.ts'
import { badSecret, type Key } from './secrets.ts'

/** More signatures than any rotation needs. It limits the work that a forged header can cause. */
const maxSignatures = 16

export interface Signature {
  version: string
  bytes: Uint8Array<ArrayBuffer>
}

/**
 * The base64 of 32 and of 64 bytes. The last character's spare bits must be 0: otherwise a changed signature would
 * decode to the same bytes and be accepted.
 */
const signatureForms = [
  /^(v1),([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)$/,
  /^(v1a),([A-Za-z0-9+/]{85}[AQgw]==)$/,
]

/** The signatures of a `webhook-signature` header. Other versions and malformed entries are skipped. */
export function readSignatures(header: string): Signature[] {
  return header
    .split(/,? /, maxSignatures)
    .flatMap((entry) => signatureForms.map((form) => form.exec(entry)).filter((match) => match !== null))
    .map((match) => ({ version: match[1]!, bytes: fromBase64(match[2]!) }))
}

const algorithms = { v1: { name: 'HMAC', hash: 'SHA-256' }, v1a: { name: 'Ed25519' } }

/** Whether a signature is by a key. `subtle.verify` compares in constant time. */
export async function isSigned(
  content: Uint8Array<ArrayBuffer>,
  signatures: readonly Signature[],
  keys: readonly Key[],
): Promise<boolean> {
  const { subtle } = globalThis.crypto
  for (const { version, bytes } of keys) {
    const algorithm = algorithms[version]
    const key = await subtle.importKey('raw', bytes, algorithm, false, ['verify']).catch((cause) => {
      throw badSecret(`this runtime does not take the ${algorithm.name} key`, { cause })
    })
    for (const signature of signatures) {
      if (signature.version !== version) continue
      if (await subtle.verify(algorithm, key, signature.bytes, content)) return true
    }
  }
  return false
}
