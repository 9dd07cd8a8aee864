import { encrypt, overheadBytes } from './encrypt.ts'
import { agreeKeys } from './key-agreement.ts'
import { openAgreement } from './openssl-agreement.ts'
import { pointBytes } from './p256-point.ts'

/** Bytes of one recipient's keys in a task: p256dh (65), then auth (16). */
export const keyBytes = pointBytes + 16

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

/** Creates what encrypts the messages of a task, in a thread or, if they are few, on the main one. */
export function createEncryptTask(): (task: EncryptTask) => EncryptedTask {
  const agree = openAgreement() ?? agreeKeys
  return ({ plaintexts, lengths, keys }) => {
    const bodies = new Uint8Array(plaintexts.length + lengths.length * overheadBytes)
    const failed: number[] = []
    const recipients = lengths.map((_, i) => {
      const [p256dhAt, authAt, end] = [i * keyBytes, i * keyBytes + pointBytes, (i + 1) * keyBytes]
      return { p256dh: keys.subarray(p256dhAt, authAt), auth: keys.subarray(authAt, end) }
    })
    const agreements = agree(recipients.map(({ p256dh }) => p256dh))
    let from = 0
    for (const [i, length] of lengths.entries()) {
      const agreement = agreements[i]!
      // One bad subscription must not fail the others.
      if (!agreement) failed.push(i)
      else {
        const body = encrypt(plaintexts.subarray(from, from + length), recipients[i]!, agreement)
        bodies.set(body, from + i * overheadBytes)
      }
      from += length
    }
    return { bodies, failed }
  }
}
