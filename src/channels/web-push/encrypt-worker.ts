import { createEncryptor } from './encrypt.ts'

/** Bytes of one recipient's keys in a task: p256dh (65), then auth (16). */
export const keyBytes = 65 + 16

/** One payload for several recipients, but for a stamp, in few flat arrays: cheap to hand to another thread. */
export interface EncryptTask {
  payload: Uint8Array
  /** {@link keyBytes} per recipient. */
  keys: Uint8Array
  /** What goes over the payload at `stampAt` for each recipient, equally long; without bytes: nothing does. */
  stamps: Uint8Array
  stampAt: number
}

/** Equally long bodies, one after the other; `failed` holds the indexes whose keys cannot be used. */
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
      // One bad subscription must not cost its batch.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY') {
        throw error
      }
      failed.push(i)
    }
  }
  return { bodies, failed }
}
