import type { Outbound, OutboundResult } from '../../outbound/outbound.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Channel, ChannelApp } from '../channel.ts'
import { deliveryOptions } from '../message.ts'
import { type Outcome, rejected } from '../outcome.ts'
import { classify, refusesTopic } from './classify.ts'
import { PayloadTooLargeError } from './encrypt.ts'
import {
  createEncryptionPool,
  type EncryptionPool,
  messagesPerTask,
  type Plaintext,
} from './encryption-pool.ts'
import { createKeyAcceptance, type KeyAcceptance } from './key-acceptance.ts'
import { buildPayload, findOversize } from './payload.ts'
import {
  createPushOrigins,
  type OriginLimits,
  type PushOrigin,
  stuckOutcome,
  type WaitingPage,
} from './push-origins.ts'
import { pushServiceAt } from './push-service.ts'
import { requestHeaders } from './request-headers.ts'
import { toWebPushTarget, type WebPushTarget } from './target.ts'
import { strictTopic } from './topic.ts'
import { createTokenSigner } from './tracking-token.ts'
import { createVapidSigner } from './vapid-signer.ts'

/** Bytes read from a push service's answer: enough to explain a failure in one line. */
const maxAnswerBytes = 1_024

export interface WebPushOptions extends Partial<OriginLimits> {
  outbound: Outbound
  clock: Clock
  /** The contact in VAPID tokens: a mailto: or https: URI. */
  vapidSubject: string
  /** Signs the tokens with which devices report, 32 bytes. */
  trackingKey: Buffer
  /** Time limit for one request, including the connection. */
  timeoutMs?: number
}

/** A target with its index in the page. */
interface Addressed extends WebPushTarget {
  index: number
}

interface Parts {
  outbound: Outbound
  clock: Clock
  keys: KeyAcceptance
  encryption: EncryptionPool
  timeoutMs: number
}

/** A page's messages to one push service with one key pair. They share their headers and their limits. */
interface Lane extends WaitingPage {
  origin: PushOrigin
  /** Whether the lane got no place in time; the rest of its messages is deferred. */
  isStuck: boolean
  headers: Record<string, string>
  plaintext: Plaintext
  makeToken(subscriberId: string, userEpoch: number): Uint8Array
  targets: Addressed[]
  outcomes: Outcome[]
  signal: AbortSignal
  mayStart(): boolean
}

/** The Web Push channel (RFC 8030): encrypts in threads, posts over few connections, one outcome per recipient. */
export function createWebPushChannel(
  options: WebPushOptions,
): Channel<ChannelApp['credentials'], WebPushTarget> {
  const { outbound, clock, vapidSubject, trackingKey, timeoutMs = 10_000 } = options
  const { concurrency = 128, quietMs = 1_000, slowMs = 2_000 } = options
  const encryption = createEncryptionPool()
  const signer = createVapidSigner(clock, vapidSubject)
  const keys = createKeyAcceptance()
  const parts: Parts = { outbound, clock, keys, encryption, timeoutMs }
  const originOf = createPushOrigins({ concurrency, quietMs, slowMs })

  return {
    readSettings: ({ credentials }) => credentials,
    toTarget: toWebPushTarget,
    findOversize,
    async send(_, message, targets, signal, mayStart) {
      const push = { ...deliveryOptions(message.content), ttlSeconds: message.ttlSeconds }
      const plaintext = buildPayload(message)
      const makeToken = createTokenSigner(trackingKey, { appId: message.appId, notificationId: message.id })
      const addressed = targets.map((target, index) => ({ ...target, index }))
      const outcomes = new Array<Outcome>(targets.length)
      const lanes: Promise<void>[] = []
      const groups = Map.groupBy(addressed, ({ url, vapid }) => `${url.origin} ${vapid.publicPart}`)
      for (const group of groups.values()) {
        const { url, vapid } = group[0]!
        let authorization: string
        try {
          authorization = signer.authorization(vapid, url.origin)
        } catch (error) {
          for (const { index } of group) outcomes[index] = rejected((error as Error).message)
          continue
        }
        const lane: Lane = {
          appId: message.appId,
          sinceMs: performance.now(),
          isStuck: false,
          origin: originOf(url.origin),
          headers: requestHeaders(push, pushServiceAt(url.hostname), authorization),
          plaintext,
          makeToken,
          targets: group,
          outcomes,
          signal,
          mayStart,
        }
        const sent = sendLane(parts, lane)
        lanes.push(sent.then(() => weighKeyRefusals(parts, lane, vapid.publicPart, url.origin)))
      }
      await Promise.all(lanes)
      return outcomes
    },
    close: () => encryption.close(),
  }
}

/**
 * Adds to each key refusal when the push service last accepted the key pair. Only if it accepts the pair from others
 * can the fault be in one subscription.
 */
function weighKeyRefusals({ keys, clock }: Parts, lane: Lane, publicKey: string, origin: string): void {
  const outcomes = lane.targets.map(({ index }) => lane.outcomes[index])
  if (outcomes.some((outcome) => outcome?.kind === 'sent')) keys.note(publicKey, origin, clock.now())
  const acceptedAt = keys.lastAt(publicKey, origin)
  for (const outcome of outcomes) {
    if (outcome?.kind === 'rejected' && outcome.keyRefusal) outcome.keyRefusal = { acceptedAt }
  }
}

/** Sends a lane chunk by chunk, and encrypts about as many chunks ahead as there are threads. */
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
      if (!(body instanceof Uint8Array)) {
        lane.outcomes[target.index] = body
        continue
      }
      const withheld = withheldOutcome(parts, lane)
      if (withheld) {
        lane.outcomes[target.index] = withheld
      } else if (await lane.origin.enter(lane)) {
        posts.push(post(parts, lane, target, body).finally(() => lane.origin.leave()))
      } else {
        lane.isStuck = true
        lane.outcomes[target.index] = withheldOutcome(parts, lane)!
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

async function encryptChunk(parts: Parts, lane: Lane, targets: Addressed[]): Promise<EncryptedChunk> {
  const withheld = withheldOutcome(parts, lane)
  if (withheld) {
    return { targets, bodies: targets.map(() => withheld) }
  }
  try {
    const stamped = targets.map(({ p256dh, auth, subscriberId, userEpoch }) => {
      return { p256dh, auth, stamp: lane.makeToken(subscriberId, userEpoch) }
    })
    const bodies = await parts.encryption.encrypt(lane.plaintext, stamped)
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

async function post(parts: Parts, lane: Lane, target: Addressed, body: Uint8Array): Promise<void> {
  const withheld = withheldOutcome(parts, lane)
  if (withheld) {
    lane.outcomes[target.index] = withheld
    return
  }
  const beganAtMs = performance.now()
  const result = await exchange(parts, lane, target, body)
  const now = parts.clock.now()
  const outcome = classify(result, now)
  lane.outcomes[target.index] = outcome
  // The service itself stopped these two kinds of push, so they say nothing about the push service.
  if (result.ok || (result.error !== 'aborted' && result.error !== 'refused_address')) {
    lane.origin.note(lane.appId, outcome, beganAtMs, now.getTime())
  }
}

/** Posts a push. If its topic is refused, posts the push once more with a topic that every service accepts. */
async function exchange(
  parts: Parts,
  lane: Lane,
  { url }: Addressed,
  body: Uint8Array,
): Promise<OutboundResult> {
  const send = () =>
    parts.outbound.exchange({
      url,
      headers: lane.headers,
      body,
      timeoutMs: parts.timeoutMs,
      maxAnswerBytes,
      signal: lane.signal,
    })
  const sentTopic = lane.headers.topic
  const result = await send()
  if (sentTopic === undefined || !refusesTopic(result)) return result
  const topic = strictTopic(sentTopic)
  if (topic === sentTopic) return result
  // The rest of the lane uses this topic, too.
  lane.headers = { ...lane.headers, topic }
  return send()
}

/** Why a push is not tried now: the page may not go on, or its push service is paused or stuck. */
function withheldOutcome({ clock }: Parts, lane: Lane): Outcome | null {
  const { appId, origin, signal, isStuck } = lane
  if (!lane.mayStart() || signal.aborted) {
    return { kind: 'deferred', status: null, afterSeconds: 0, error: 'the time for its page was up' }
  }
  return origin.withheld(appId, clock.now().getTime()) ?? (isStuck ? stuckOutcome : null)
}
