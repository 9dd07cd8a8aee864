import { createEncryptor } from './encrypt.ts'

/** Bytes of one recipient's keys in a task: p256dh (65), then auth (16). */
export const keyBytes = 65 + 16

/** One payload for several recipients, each with its own stamp. Flat arrays are cheap to pass to another thread. */
export interface EncryptTask {
  payload: Uint8Array
  /** {@link keyBytes} per recipient. */
  keys: Uint8Array
  /** The stamp of each recipient, which overwrites the payload at `stampAt`. All have one length; empty: no stamps. */
  stamps: Uint8Array
  stampAt: number
}

/** Bodies of equal length, one after the other; `failed` holds the indexes of recipients with unusable keys. */
export interface EncryptedBatch {
  bodies: Uint8Array
  failed: number[]
}

/** Runs in a worker thread. @throws PayloadTooLargeError */
export function encryptBatch({ payload, keys, stamps, stampAt }: EncryptTask): EncryptedBatch {
  const encryptor = createEncryptor(payload)
  const { bodyBytes } = encryptor
  const count = keys.length / keyBytes
  const stampBytes = stamps.length / count
  const bodies = new Uint8Array(count * bodyBytes)
  const failed: number[] = []
  for (let i = 0; i < count; i++) {
    const at = i * keyBytes
    const p256dh = keys.subarray(at, at + 65)
    const auth = keys.subarray(at + 65, at + keyBytes)
    if (stampBytes > 0) encryptor.replace(stampAt, stamps.subarray(i * stampBytes, (i + 1) * stampBytes))
    try {
      encryptor.encryptInto(bodies.subarray(i * bodyBytes, (i + 1) * bodyBytes), { p256dh, auth })
    } catch (error) {
      // One bad subscription must not fail its whole batch.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY') {
        throw error
      }
      failed.push(i)
    }
  }
  return { bodies, failed }
}
