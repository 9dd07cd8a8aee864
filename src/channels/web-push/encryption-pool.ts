import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { siblingModule } from '../../platform/sibling-module.ts'
import { maxPlaintextBytes, overheadBytes, PayloadTooLargeError, type SubscriptionKeys } from './encrypt.ts'
import { type EncryptedBatch, type EncryptTask, encryptBatch, keyBytes } from './encrypt-worker.ts'

/** Messages per task: enough to make a thread hop cheap (about 120 µs of work each), few enough for an even flow. */
export const messagesPerTask = 48

/** Up to this many are encrypted on the calling thread: a hand-over takes longer, 0.7 ms on a busy machine. */
const messagesInPlace = 3

/** How long an idle thread is kept. */
const idleThreadMs = 60_000

/** A payload for many recipients, and where the stamp of each goes; null: the payload is the same for all. */
export interface Plaintext {
  payload: Uint8Array
  stampAt: number | null
}

/** A recipient of a payload. All stamps of one payload have the same length. */
export interface StampedSubscription extends SubscriptionKeys {
  stamp?: Uint8Array
}

export interface EncryptionPool {
  readonly threads: number
  /**
   * Encrypts one payload for each of at most {@link messagesPerTask} subscriptions.
   *
   * @returns their request bodies in order; null where p256dh is not a point on the curve
   * @throws PayloadTooLargeError when the payload exceeds maxPlaintextBytes
   * @throws RangeError when a stamp is missing or differs in length
   */
  encrypt(plaintext: Plaintext, subscriptions: readonly StampedSubscription[]): Promise<(Uint8Array | null)[]>
  close(): Promise<void>
}

/**
 * Encryption is the CPU cost of a push (two P-256 operations, about 115 µs), so it runs in threads beside the I/O
 * thread, except for a few messages. Threads start with the first messages; idle threads do not keep the process alive.
 *
 * @param threads maximum number of threads. Default: one less than the machine runs in parallel, but at least two. On
 *   two cores, two threads beside the main one were measured to send 8,800 pushes/s, one thread 6,200
 */
export function createEncryptionPool(threads = Math.max(2, availableParallelism() - 1)): EncryptionPool {
  const piscina = new Piscina<EncryptTask, EncryptedBatch>({
    filename: siblingModule(import.meta.url, 'encrypt-worker').href,
    name: 'encryptBatch',
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleThreadMs,
    // The threads compute on small buffers: a larger heap would only fill with garbage.
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
  })

  return {
    threads,
    async encrypt({ payload, stampAt }, subscriptions) {
      if (payload.length > maxPlaintextBytes) {
        throw new PayloadTooLargeError(`payload is ${payload.length} bytes, at most ${maxPlaintextBytes} fit`)
      }
      const task: EncryptTask = {
        payload,
        keys: packKeys(subscriptions),
        stamps: stampAt === null ? new Uint8Array(0) : packStamps(subscriptions),
        stampAt: stampAt ?? 0,
      }
      const inPlace = subscriptions.length <= messagesInPlace
      const { bodies, failed } = inPlace ? encryptBatch(task) : await piscina.run(task)
      const bodyBytes = payload.length + overheadBytes
      const unusable = new Set(failed)
      return subscriptions.map((_, i) =>
        unusable.has(i) ? null : bodies.subarray(i * bodyBytes, (i + 1) * bodyBytes),
      )
    },
    close: () => piscina.destroy(),
  }
}

function packKeys(subscriptions: readonly SubscriptionKeys[]): Uint8Array {
  const keys = new Uint8Array(subscriptions.length * keyBytes)
  for (const [i, { p256dh, auth }] of subscriptions.entries()) {
    keys.set(p256dh, i * keyBytes)
    keys.set(auth, i * keyBytes + 65)
  }
  return keys
}

function packStamps(subscriptions: readonly StampedSubscription[]): Uint8Array {
  const stampBytes = subscriptions[0]?.stamp?.length ?? 0
  const stamps = new Uint8Array(subscriptions.length * stampBytes)
  for (const [i, { stamp }] of subscriptions.entries()) {
    if (!stamp || stamp.length !== stampBytes) throw new RangeError('stamps must be equally long')
    stamps.set(stamp, i * stampBytes)
  }
  return stamps
}
