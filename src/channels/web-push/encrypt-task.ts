import { encrypt, overheadBytes } from './encrypt.ts'

/** Bytes of one recipient's keys in a task: p256dh (65), then auth (16). */
export const keyBytes = 65 + 16

/** Messages to encrypt, one after the other in flat arrays, which are cheap to pass to another thread. */
export interface EncryptTask {
  plaintexts: Uint8Array
  /** The length of each plaintext. */
  lengths: readonly number[]
  /** {@link keyBytes} per message. */
  keys: Uint8Array
}

/** Bodies, one after the other: each is as long as its plaintext and {@link overheadBytes}. */
export interface EncryptedTask {
  bodies: Uint8Array
  /** Indexes of the messages with unusable keys. */
  failed: number[]
}

/** Encrypts the messages of a task, in a thread or, if they are few, on the main one. */
export function encryptTask({ plaintexts, lengths, keys }: EncryptTask): EncryptedTask {
  const bodies = new Uint8Array(plaintexts.length + lengths.length * overheadBytes)
  const failed: number[] = []
  let from = 0
  for (const [i, length] of lengths.entries()) {
    const [p256dhAt, authAt, end] = [i * keyBytes, i * keyBytes + 65, (i + 1) * keyBytes]
    const recipient = { p256dh: keys.subarray(p256dhAt, authAt), auth: keys.subarray(authAt, end) }
    try {
      bodies.set(encrypt(plaintexts.subarray(from, from + length), recipient), from + i * overheadBytes)
    } catch (error) {
      // One bad subscription must not fail the others.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY') throw error
      failed.push(i)
    }
    from += length
  }
  return { bodies, failed }
}
