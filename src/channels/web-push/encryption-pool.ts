import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { siblingModule } from '../../platform/sibling-module.ts'
import { maxPlaintextBytes, overheadBytes, PayloadTooLargeError, type SubscriptionKeys } from './encrypt.ts'
import { type EncryptedBatch, type EncryptTask, encryptBatch, keyBytes } from './encrypt-worker.ts'

/** Messages per task: enough to make a thread hop cheap (about 120 µs of work each), few enough to flow evenly. */
export const messagesPerTask = 48

/** So few are encrypted where they are: to hand them to a thread takes longer, 0.7 ms on a busy machine. */
const messagesInPlace = 3

/** How long a thread without work is kept. */
const idleThreadMs = 60_000

/** A payload for many, and where in it each one's stamp goes; null: it is the same for all. */
export interface Plaintext {
  payload: Uint8Array
  stampAt: number | null
}

/** Whom a payload is encrypted for. The stamps of a payload are equally long. */
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
   * @throws RangeError when a stamp is missing, or as long as no other
   */
  encrypt(plaintext: Plaintext, subscriptions: readonly StampedSubscription[]): Promise<(Uint8Array | null)[]>
  close(): Promise<void>
}

/**
 * Encryption is the CPU's share of a push (two P-256 operations, about 115 µs), so it runs in threads beside the one
 * that does the I/O, unless there are few. They start with the first messages; idle ones do not keep the process alive.
 *
 * @param threads at most so many; by default one less than the machine runs in parallel, and two at least: on two
 *   cores, two threads beside the main one were measured to send 8,800 pushes/s, one 6,200
 */
export function createEncryptionPool(threads = Math.max(2, availableParallelism() - 1)): EncryptionPool {
  const piscina = new Piscina<EncryptTask, EncryptedBatch>({
    filename: siblingModule(import.meta.url, 'encrypt-worker').href,
    name: 'encryptBatch',
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleThreadMs,
    // Arithmetic on small buffers: room for more would only be filled with garbage.
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
