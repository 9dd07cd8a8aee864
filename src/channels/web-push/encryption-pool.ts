import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { createTurnQueue } from '../../engine/turn-queue.ts'
import { joined } from '../../platform/joined-bytes.ts'
import { siblingModule } from '../../platform/sibling-module.ts'
import { maxPlaintextBytes, overheadBytes, PayloadTooLargeError, type SubscriptionKeys } from './encrypt.ts'
import { createEncryptTask, type EncryptedTask, type EncryptTask } from './encrypt-task.ts'

/** Messages per task: enough to make a thread hop cheap (80 to 140 µs of work each), few enough for an even flow. */
export const messagesPerTask = 48

/** Up to this many are encrypted on the calling thread: a hand-over takes as long, 0.7 ms on a busy machine. */
const messagesInPlace = 6

/** Tasks given to a thread at a time: when it ends one, it need not wait until the calling thread gives it the next. */
const tasksPerThread = 2

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

/** The body of a request; null: the recipient's p256dh is not a point on the curve. */
type Body = Uint8Array | null

/**
 * Encryption is the CPU cost of a push (two P-256 operations, 60 to 110 µs), so it runs in threads beside the I/O
 * thread, except for a few messages. Calls of the same moment share tasks: under load, forty notifications to single
 * users are sent together. Threads start with the first tasks; idle threads do not keep the process alive.
 *
 * @param threads maximum number of threads. Default: one less than the machine runs in parallel, but at least two. On
 *   two cores, two threads beside the main one were measured to send 8,800 pushes/s, one thread 6,200
 */
export function createEncryptionPool(threads = Math.max(2, availableParallelism() - 1)) {
  const piscina = new Piscina<EncryptTask, EncryptedTask>({
    filename: siblingModule(import.meta.url, 'encrypt-worker').href,
    name: 'encryptTask',
    minThreads: 0,
    maxThreads: threads,
    concurrentTasksPerWorker: tasksPerThread,
    idleTimeout: idleThreadMs,
    // The threads compute on small buffers: a larger heap would only fill with garbage.
    resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
  })

  const encryptInPlace = createEncryptTask()

  /** Full tasks and others take turns: notifications to single users do not wait for all tasks of a campaign. */
  const waiting = createTurnQueue<Call[]>()
  let running = 0
  const serve = () => {
    while (running < threads * tasksPerThread && waiting.size > 0) {
      running += 1
      void encryptGroup(waiting.shift()!, (task) => piscina.run(task)).then(() => {
        running -= 1
        serve()
      })
    }
  }
  let gathered: Call[] = []
  const encryptGathered = () => {
    const groups = toGroups(gathered)
    gathered = []
    for (const group of groups) {
      const size = group.reduce((sum, { messages }) => sum + messages.length, 0)
      if (size <= messagesInPlace) void encryptGroup(group, encryptInPlace)
      else waiting.push(group[0]!.messages.length === messagesPerTask ? 'full' : 'other', group)
    }
    serve()
  }

  return {
    threads,
    /**
     * Encrypts one payload for each of at most {@link messagesPerTask} subscriptions.
     *
     * @returns their request bodies in order; null where p256dh is not a point on the curve
     * @throws PayloadTooLargeError when the payload exceeds maxPlaintextBytes
     * @throws RangeError when a stamp is missing or differs in length
     */
    async encrypt(plaintext: Plaintext, subscriptions: readonly StampedSubscription[]): Promise<Body[]> {
      const messages = toMessages(plaintext, subscriptions)
      const { promise, resolve, reject } = Promise.withResolvers<Body[]>()
      if (gathered.length === 0) queueMicrotask(encryptGathered)
      gathered.push({ messages, resolve, reject })
      return promise
    },
    close: () => piscina.destroy(),
  }
}

export type EncryptionPool = ReturnType<typeof createEncryptionPool>

interface Message extends SubscriptionKeys {
  plaintext: Uint8Array
}

/** The messages of one call, and its promise. */
interface Call {
  messages: Message[]
  resolve(bodies: Body[]): void
  reject(error: unknown): void
}

function toMessages(
  { payload, stampAt }: Plaintext,
  subscriptions: readonly StampedSubscription[],
): Message[] {
  if (payload.length > maxPlaintextBytes) {
    throw new PayloadTooLargeError(`payload is ${payload.length} bytes, at most ${maxPlaintextBytes} fit`)
  }
  if (stampAt === null) return subscriptions.map(({ p256dh, auth }) => ({ plaintext: payload, p256dh, auth }))
  const stampBytes = subscriptions[0]?.stamp?.length
  return subscriptions.map(({ p256dh, auth, stamp }) => {
    if (!stamp || stamp.length !== stampBytes) throw new RangeError('stamps must be equally long')
    const plaintext = Buffer.from(payload)
    plaintext.set(stamp, stampAt)
    return { plaintext, p256dh, auth }
  })
}

/** Groups calls into tasks of at most {@link messagesPerTask} messages. */
function toGroups(calls: readonly Call[]): Call[][] {
  const groups: Call[][] = []
  let room = 0
  for (const call of calls) {
    if (room < call.messages.length) {
      groups.push([])
      room = messagesPerTask
    }
    groups.at(-1)!.push(call)
    room -= call.messages.length
  }
  return groups
}

async function encryptGroup(
  calls: readonly Call[],
  run: (task: EncryptTask) => EncryptedTask | Promise<EncryptedTask>,
): Promise<void> {
  const messages = calls.flatMap((call) => call.messages)
  try {
    const { bodies, failed } = await run({
      plaintexts: joined(messages.map(({ plaintext }) => plaintext)),
      lengths: messages.map(({ plaintext }) => plaintext.length),
      keys: joined(messages.flatMap(({ p256dh, auth }) => [p256dh, auth])),
    })
    let end = 0
    const results = messages.map(({ plaintext }, index): Body => {
      const start = end
      end += plaintext.length + overheadBytes
      return failed.includes(index) ? null : bodies.subarray(start, end)
    })
    for (const call of calls) call.resolve(results.splice(0, call.messages.length))
  } catch (error) {
    for (const call of calls) call.reject(error)
  }
}
