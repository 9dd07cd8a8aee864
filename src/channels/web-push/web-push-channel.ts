import type { Outbound } from '../../outbound/outbound.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Channel, ChannelApp } from '../channel.ts'
import { deliveryOptions, remainingTtl } from '../message.ts'
import { type Outcome, rejected } from '../outcome.ts'
import { createEncryptionPool } from './encryption-pool.ts'
import { createKeyAcceptance, type KeyAcceptance } from './key-acceptance.ts'
import { buildPayload, findOversize } from './payload.ts'
import { type Addressed, type PushGroup, sendGroup } from './push-group.ts'
import { createPushOrigins, type OriginLimits } from './push-origins.ts'
import { pushServiceAt } from './push-service.ts'
import { requestHeaders } from './request-headers.ts'
import { toWebPushTarget, type WebPushTarget } from './target.ts'
import { createTokenSigner } from './tracking-token.ts'
import { createVapidSigner } from './vapid-signer.ts'

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

/** The Web Push channel (RFC 8030): encrypts in threads, posts over few connections, one outcome per recipient. */
export function createWebPushChannel(
  options: WebPushOptions,
): Channel<ChannelApp['credentials'], WebPushTarget> {
  const { outbound, clock, vapidSubject, trackingKey, timeoutMs = 10_000 } = options
  const { concurrency = 128, quietMs = 1_000, slowMs = 2_000 } = options
  const encryption = createEncryptionPool()
  const signer = createVapidSigner(clock, vapidSubject)
  const keys = createKeyAcceptance()
  const parts = { outbound, clock, encryption, timeoutMs }
  const originOf = createPushOrigins({ concurrency, quietMs, slowMs })

  return {
    readSettings: ({ credentials }) => credentials,
    toTarget: toWebPushTarget,
    findOversize,
    async send(_, message, targets, signal, mayStart) {
      const ttlAt = (now: Date) => remainingTtl(message, now)
      const push = { ...deliveryOptions(message.content), ttlSeconds: ttlAt(clock.now()) }
      const plaintext = buildPayload(message)
      const makeToken = createTokenSigner(trackingKey, { appId: message.appId, notificationId: message.id })
      const addressed = targets.map((target, index) => ({ ...target, index }))
      const outcomes = new Array<Outcome>(targets.length)
      const groups = Map.groupBy(addressed, ({ url, vapid }) => `${url.origin} ${vapid.publicPart}`)
      const sendMembers = async (members: Addressed[]) => {
        const { url, vapid } = members[0]!
        let authorization: string
        try {
          authorization = signer.authorization(vapid, url.origin)
        } catch (error) {
          for (const { index } of members) outcomes[index] = rejected((error as Error).message)
          return
        }
        const group: PushGroup = {
          appId: message.appId,
          sinceMs: performance.now(),
          isStuck: false,
          origin: originOf(url.origin),
          headers: requestHeaders(push, pushServiceAt(url.hostname), authorization),
          ttlAt,
          plaintext,
          makeToken,
          targets: members,
          outcomes,
          signal,
          mayStart,
        }
        await sendGroup(parts, group)
        weighKeyRefusals(keys, group, vapid.publicPart, url.origin, clock.now())
      }
      await Promise.all(groups.values().map(sendMembers))
      return outcomes
    },
    close: () => encryption.close(),
  }
}

/**
 * Adds to each key refusal when the push service last accepted the key pair. Only if it accepts the pair from others
 * can the fault be in one subscription.
 */
function weighKeyRefusals(
  keys: KeyAcceptance,
  group: PushGroup,
  publicKey: string,
  origin: string,
  now: Date,
): void {
  const outcomes = group.targets.map(({ index }) => group.outcomes[index])
  if (outcomes.some((outcome) => outcome?.kind === 'sent')) keys.note(publicKey, origin, now)
  const acceptedAt = keys.lastAt(publicKey, origin)
  for (const outcome of outcomes) {
    if (outcome?.kind === 'rejected' && outcome.keyRefusal) outcome.keyRefusal = { acceptedAt }
  }
}
