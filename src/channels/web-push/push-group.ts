import type { Outbound, OutboundResult } from '../../outbound/outbound.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Outcome, rejected } from '../outcome.ts'
import { classify, refusesTopic } from './classify.ts'
import { PayloadTooLargeError } from './encrypt.ts'
import { type EncryptionPool, messagesPerTask, type Plaintext } from './encryption-pool.ts'
import { type PushOrigin, stuckOutcome, type WaitingPage } from './push-origins.ts'
import type { WebPushTarget } from './target.ts'
import { strictTopic } from './topic.ts'

/** Bytes read from a push service's answer: enough to explain a failure in one line. */
const maxAnswerBytes = 1_024

/** A target with its index in the page. */
export interface Addressed extends WebPushTarget {
  index: number
}

/** What sending needs, whatever is sent. */
export interface SendingParts {
  outbound: Outbound
  clock: Clock
  encryption: EncryptionPool
  timeoutMs: number
}

/** The pushes of a page to one push service with one key pair. They share their headers and their limits. */
export interface PushGroup extends WaitingPage {
  origin: PushOrigin
  /** Whether the group got no place in time; the rest of its messages is deferred. */
  isStuck: boolean
  headers: Record<string, string>
  /** Seconds for which the push service may keep a push that is sent now. */
  ttlAt(now: Date): number
  plaintext: Plaintext
  /** Makes the token with which a device reports on its push. */
  makeToken(subscriberId: string, userEpoch: number): Uint8Array
  targets: Addressed[]
  outcomes: Outcome[]
  signal: AbortSignal
  mayStart(): boolean
}

/** Sends a group chunk by chunk, and encrypts about as many chunks ahead as there are threads. */
export async function sendGroup(parts: SendingParts, group: PushGroup): Promise<void> {
  const posts: Promise<void>[] = []
  const ahead: Promise<EncryptedChunk>[] = []
  let next = 0
  const refill = () => {
    while (next < group.targets.length && ahead.length <= parts.encryption.threads) {
      ahead.push(encryptChunk(parts, group, group.targets.slice(next, next + messagesPerTask)))
      next += messagesPerTask
    }
  }
  for (refill(); ahead.length > 0; refill()) {
    const { targets, bodies } = await ahead.shift()!
    for (const [i, target] of targets.entries()) {
      const body = bodies[i]!
      if (!(body instanceof Uint8Array)) {
        group.outcomes[target.index] = body
        continue
      }
      const withheld = withheldOutcome(parts, group)
      if (withheld) {
        group.outcomes[target.index] = withheld
      } else if (await group.origin.enter(group)) {
        posts.push(post(parts, group, target, body).finally(() => group.origin.leave()))
      } else {
        group.isStuck = true
        group.outcomes[target.index] = withheldOutcome(parts, group)!
      }
    }
  }
  await Promise.all(posts)
}

/** For each target, the request body, or the outcome of a push that will not be sent. */
interface EncryptedChunk {
  targets: Addressed[]
  bodies: (Uint8Array | Outcome)[]
}

async function encryptChunk(
  parts: SendingParts,
  group: PushGroup,
  targets: Addressed[],
): Promise<EncryptedChunk> {
  const withheld = withheldOutcome(parts, group)
  if (withheld) {
    return { targets, bodies: targets.map(() => withheld) }
  }
  try {
    const stamped = targets.map(({ p256dh, auth, subscriberId, userEpoch }) => {
      return { p256dh, auth, stamp: group.makeToken(subscriberId, userEpoch) }
    })
    const bodies = await parts.encryption.encrypt(group.plaintext, stamped)
    return { targets, bodies: bodies.map((body) => body ?? rejected('p256dh is not a point on the curve')) }
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

async function post(
  parts: SendingParts,
  group: PushGroup,
  target: Addressed,
  body: Uint8Array,
): Promise<void> {
  const withheld = withheldOutcome(parts, group)
  if (withheld) {
    group.outcomes[target.index] = withheld
    return
  }
  const beganAtMs = performance.now()
  const result = await exchange(parts, group, target, body)
  const now = parts.clock.now()
  const outcome = classify(result, now)
  group.outcomes[target.index] = outcome
  // The service itself stopped these two kinds of push, so they say nothing about the push service.
  if (result.ok || (result.error !== 'aborted' && result.error !== 'refused_address')) {
    group.origin.note(group.appId, outcome, beganAtMs, now.getTime())
  }
}

/** Posts a push. If its topic is refused, posts the push once more with a topic that every service accepts. */
async function exchange(
  parts: SendingParts,
  group: PushGroup,
  { url }: Addressed,
  body: Uint8Array,
): Promise<OutboundResult> {
  const ttl = String(group.ttlAt(parts.clock.now()))
  if (ttl !== group.headers.ttl) group.headers = { ...group.headers, ttl }
  const send = () =>
    parts.outbound.exchange({
      url,
      headers: group.headers,
      body,
      timeoutMs: parts.timeoutMs,
      maxAnswerBytes,
      signal: group.signal,
    })
  const sentTopic = group.headers.topic
  const result = await send()
  if (sentTopic === undefined || !refusesTopic(result)) return result
  const topic = strictTopic(sentTopic)
  if (topic === sentTopic) return result
  // The rest of the group uses this topic, too.
  group.headers = { ...group.headers, topic }
  return send()
}

/** Why a push is not tried now: the page may not go on, or its push service is paused or stuck. */
function withheldOutcome({ clock }: SendingParts, group: PushGroup): Outcome | null {
  const { appId, origin, signal, isStuck } = group
  if (!group.mayStart() || signal.aborted) {
    return {
      kind: 'deferred',
      status: null,
      afterSeconds: 0,
      error: 'its time was over before it could be sent',
    }
  }
  return origin.withheld(appId, clock.now().getTime()) ?? (isStuck ? stuckOutcome : null)
}
