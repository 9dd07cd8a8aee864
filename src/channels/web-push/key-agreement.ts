import { createECDH } from 'node:crypto'

/** A sender's key pair for one message, and the secret that it shares with the recipient (RFC 8291 §3.1). */
export interface Agreement {
  /** The sender's public key: an uncompressed point. */
  publicKey: Uint8Array
  /** The x-coordinate of the shared point, 32 bytes. */
  secret: Uint8Array
}

/**
 * Makes a new key pair on P-256 for each recipient and agrees on a secret with the recipient's public key.
 *
 * @param recipients uncompressed points, 65 bytes each
 * @returns one per recipient, in order; null where the key is not a point on the curve
 */
export type AgreeKeys = (recipients: readonly Uint8Array[]) => (Agreement | null)[]

/** Agrees by `node:crypto`. OpenSSL checks the new key pair before it is used, and takes half of the time for that. */
export const agreeKeys: AgreeKeys = (recipients) => {
  const sender = createECDH('prime256v1')
  return recipients.map((recipient) => {
    const publicKey = sender.generateKeys()
    try {
      return { publicKey, secret: sender.computeSecret(recipient) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY') throw error
      return null
    }
  })
}
