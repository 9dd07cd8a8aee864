import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

const ivBytes = 12
const tagBytes = 16
const keyIdBytes = 4
const version = 1
const derivedKeyBytes = 32

export class DecryptionError extends Error {
  override name = 'DecryptionError'
}

/**
 * @param keys 32-byte keys: the first encrypts, all decrypt, so that a key can be replaced without downtime
 */
export function createCryptoAtRest(keys: readonly Buffer[]) {
  const byId = new Map(keys.map((key) => [keyId(key).toString('hex'), key]))
  const current = keys[0]!
  return {
    /**
     * @param plaintext the secret, as bytes or UTF-8 text
     * @param context kind and owner of the value, e.g. `webhook-secret:<id>`; with another context it does not decrypt
     */
    encrypt(plaintext: Uint8Array | string, context: string): Buffer {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', current, iv).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(plaintext as string), cipher.final()])
      return Buffer.concat([Buffer.of(version), keyId(current), iv, cipher.getAuthTag(), body])
    },
    /** @throws DecryptionError when no key matches or the value was changed */
    decrypt(stored: Uint8Array, context: string): Buffer {
      const value = Buffer.from(stored)
      const ivStart = 1 + keyIdBytes
      const tagStart = ivStart + ivBytes
      const bodyStart = tagStart + tagBytes
      const key = byId.get(value.subarray(1, ivStart).toString('hex'))
      if (value[0] !== version || !key || value.length < bodyStart) {
        throw new DecryptionError('a stored secret was encrypted with another KRAFTER_ENCRYPTION_KEY')
      }
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, value.subarray(ivStart, tagStart))
          .setAAD(Buffer.from(context))
          .setAuthTag(value.subarray(tagStart, bodyStart))
        return Buffer.concat([decipher.update(value.subarray(bodyStart)), decipher.final()])
      } catch (cause) {
        throw new DecryptionError(`a stored secret is damaged (${context})`, { cause })
      }
    },
    /**
     * Derives keys for another purpose (HKDF-SHA256, RFC 5869). They reveal nothing about their source or each other.
     *
     * @param purpose a word that no other purpose uses
     * @returns 32 bytes for each key, in the same order: the first one signs, all verify
     */
    deriveKeys: (purpose: string) =>
      keys.map((key) => Buffer.from(hkdfSync('sha256', key, '', `krafter-push ${purpose}`, derivedKeyBytes))),
  }
}

/** Encrypts secrets before they are stored: AES-256-GCM with a fresh IV per value. */
export type CryptoAtRest = ReturnType<typeof createCryptoAtRest>

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, keyIdBytes)
}
