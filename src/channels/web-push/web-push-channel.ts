import type { Outbound } from '../../outbound/outbound.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Channel, Outcome, Push, Recipient, Sender } from '../channel.ts'
import { classify } from './classify.ts'
import { PayloadTooLargeError } from './encrypt.ts'
import {
  createEncryptionPool,
  type EncryptionPool,
  messagesPerTask,
  type Plaintext,
  type StampedSubscription,
} from './encryption-pool.ts'
import { type PushOrigin, PushOrigins } from './push-origin.ts'
import { createVapidSigner, type VapidSigner } from './vapid.ts'

/** Bytes of a push service's answer that are read: they explain failures in a line. */
const maxAnswerBytes = 1_024

export interface WebPushOptions {
  outbound: Outbound
  clock: Clock
  /** The contact in VAPID tokens: a mailto: or https: URI. */
  vapidSubject: string
  /** For one request, connection included. */
  timeoutMs?: number
  /** Requests running at a time per push service. */
  concurrency?: number
}

/** A recipient whose message can be encrypted and sent. `index` is its place in the page. */
interface Target extends StampedSubscription {
  index: number
  url: URL
}

interface Parts {
  outbound: Outbound
  clock: Clock
  signer: VapidSigner
  encryption: EncryptionPool
  timeoutMs: number
}

/** A page's messages to one push service: they share their headers, their limits and their fate. */
interface Lane {
  origin: PushOrigin
  headers: Record<string, string>
  plaintext: Plaintext
  targets: Target[]
  outcomes: Outcome[]
  signal: AbortSignal
}

/** The Web Push channel (RFC 8030): encrypts in threads, posts over few connections, one outcome per recipient. */
export function createWebPushChannel(options: WebPushOptions): Channel {
  const { outbound, clock, vapidSubject, timeoutMs = 10_000, concurrency = 128 } = options
  const encryption = createEncryptionPool()
  const signer = createVapidSigner(clock, vapidSubject)
  const parts: Parts = { outbound, clock, signer, encryption, timeoutMs }
  const origins = new PushOrigins(concurrency)

  return {
    async send(sender, push, recipients, signal) {
      const outcomes = new Array<Outcome>(recipients.length)
      const lanes: Promise<void>[] = []
      for (const [origin, targets] of groupByOrigin(recipients, outcomes)) {
        const headers = requestHeaders(signer, sender, push, origin)
        if (typeof headers === 'string') {
          setAll(outcomes, targets, rejected(headers))
        } else {
          const lane = {
            origin: origins.get(origin),
            headers,
            plaintext: push,
            targets,
            outcomes,
            signal,
          }
          lanes.push(sendLane(parts, lane))
        }
      }
      await Promise.all(lanes)
      return outcomes
    },
    close: () => encryption.close(),
  }
}

/** Sorts recipients by push service; those that cannot be sent to get their outcome at once. */
function groupByOrigin(recipients: readonly Recipient[], outcomes: Outcome[]): Map<string, Target[]> {
  const groups = new Map<string, Target[]>()
  for (const [index, { token, p256dh, auth, stamp }] of recipients.entries()) {
    const url = URL.parse(token)
    if (!url) {
      outcomes[index] = rejected('the endpoint is no URL')
    } else if (p256dh?.length !== 65 || auth?.length !== 16) {
      outcomes[index] = rejected('the subscription has no usable keys')
    } else {
      const target = { index, url, p256dh, auth, stamp }
      const group = groups.get(url.origin)
      if (group) {
        group.push(target)
      } else {
        groups.set(url.origin, [target])
      }
    }
  }
  return groups
}

/** The headers of all requests of a page to one origin; a sentence when the app's keys cannot sign. */
function requestHeaders(
  signer: VapidSigner,
  sender: Sender,
  push: Push,
  origin: string,
): Record<string, string> | string {
  const headers: Record<string, string> = {
    ttl: String(push.ttlSeconds),
    urgency: push.urgency,
    'content-encoding': 'aes128gcm',
    'content-type': 'application/octet-stream',
    'accept-encoding': 'identity',
  }
  if (push.topic !== null) {
    headers.topic = push.topic
  }
  try {
    headers.authorization = signer.authorization(sender.vapidPublicKey, sender.vapidPrivateKey, origin)
    return headers
  } catch {
    return 'the VAPID keys of the app cannot be used'
  }
}

/** Sends a lane chunk by chunk, with as many chunks encrypted ahead as there are threads to do it. */
async function sendLane(parts: Parts, lane: Lane): Promise<void> {
  const posts: Promise<void>[] = []
  const ahead: Promise<EncryptedChunk>[] = []
  let next = 0
  const refill = () => {
    while (next < lane.targets.length && ahead.length <= parts.encryption.threads) {
      ahead.push(encryptChunk(parts, lane, lane.targets.slice(next, next + messagesPerTask)))
      next += messagesPerTask
    }
  }
  for (refill(); ahead.length > 0; refill()) {
    const { targets, bodies } = await ahead.shift()!
    for (const [i, target] of targets.entries()) {
      const body = bodies[i]!
      if (body instanceof Uint8Array) {
        await lane.origin.enter()
        posts.push(post(parts, lane, target, body).finally(() => lane.origin.leave()))
      } else {
        lane.outcomes[target.index] = body
      }
    }
  }
  await Promise.all(posts)
}

/** Per target the request body, or the outcome of a push that will not be sent. */
interface EncryptedChunk {
  targets: Target[]
  bodies: (Uint8Array | Outcome)[]
}

async function encryptChunk(parts: Parts, lane: Lane, targets: Target[]): Promise<EncryptedChunk> {
  const withheld = withheldOutcome(parts, lane)
  if (withheld) {
    return { targets, bodies: targets.map(() => withheld) }
  }
  try {
    const bodies = await parts.encryption.encrypt(lane.plaintext, targets)
    return { targets, bodies: bodies.map((body) => body ?? rejected('p256dh is no point on the curve')) }
  } catch (error) {
    const outcome = encryptionFailure(error as Error)
    return { targets, bodies: targets.map(() => outcome) }
  }
}

function encryptionFailure(error: Error): Outcome {
  return error instanceof PayloadTooLargeError
    ? { kind: 'rejected', status: null, reason: 'too_large', error: error.message }
    : { kind: 'retry', status: null, afterSeconds: null, error: `encryption failed: ${error.message}` }
}

async function post(parts: Parts, lane: Lane, target: Target, body: Uint8Array): Promise<void> {
  const withheld = withheldOutcome(parts, lane)
  if (withheld) {
    lane.outcomes[target.index] = withheld
    return
  }
  const result = await parts.outbound.exchange({
    url: target.url,
    method: 'POST',
    headers: lane.headers,
    body,
    timeoutMs: parts.timeoutMs,
    maxAnswerBytes,
    signal: lane.signal,
  })
  const now = parts.clock.now()
  const outcome = classify(result, now)
  lane.outcomes[target.index] = outcome
  // Neither says anything about the push service: who stopped was we.
  if (result.ok || (result.error !== 'aborted' && result.error !== 'refused_address')) {
    lane.origin.record(outcome, result.ok, now.getTime())
  }
}

/** Why a push is not tried now: the page's time is up, or its push service is left alone. */
function withheldOutcome({ clock }: Parts, { origin, signal }: Lane): Outcome | null {
  if (signal.aborted) {
    return { kind: 'retry', status: null, afterSeconds: null, error: 'aborted: the time for its page was up' }
  }
  return origin.pausedOutcome(clock.now().getTime())
}

function rejected(error: string): Outcome {
  return { kind: 'rejected', status: null, reason: 'rejected', error }
}

function setAll(outcomes: Outcome[], targets: readonly Target[], outcome: Outcome): void {
  for (const { index } of targets) {
    outcomes[index] = outcome
  }
}
