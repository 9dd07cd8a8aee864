import { isDeepStrictEqual } from 'node:util'
import { userEpochs } from '../channels/web-push/tracking-token.ts'
import { refusals } from '../platform/errors.ts'
import {
  type Registration,
  type StoredSubscriber,
  type SubscriberKeys,
  type SubscriberUpdate,
  tokenHash,
} from './subscriber-store.ts'

/** What a backend changes of a subscriber; what is not given stays. */
export interface SubscriberChange {
  token?: string
  keys?: SubscriberKeys
  /** The app's key pair that the subscription was made with, where the request names one. */
  vapidPair?: number
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
  status?: 'active' | 'unsubscribed'
}

/**
 * What a registration changes of the subscriber that has the token: it is active, seen today, and as given.
 *
 * @returns undefined when it is all that already
 */
export function changeByRegistration(
  known: StoredSubscriber,
  given: Registration,
  now: Date,
): SubscriberUpdate | undefined {
  const staysAway = known.status === 'unsubscribed' && given.keepUnsubscribed
  const update = differences(known, {
    ...given,
    keys: given.keys ?? undefined,
    status: staysAway ? undefined : 'active',
  })
  if (update) return { ...update, last_seen_at: now, updated_at: now }
  return isSameDay(known.lastSeenAt, now) ? undefined : { last_seen_at: now }
}

/** What it changes of the subscriber that has the device's old token: it is the same device, with another subscription. */
export function changeByRenewal(known: StoredSubscriber, given: Registration, now: Date): SubscriberUpdate {
  if (known.platform === 'web' && !given.keys)
    throw refusals.invalid({ keys: ['is required with another token'] })
  const vapidPair = given.vapidPair ?? (known.platform === 'web' ? given.currentVapidPair : undefined)
  return {
    ...changeByRegistration(known, { ...given, vapidPair }, now),
    token: given.token,
    token_hash: tokenHash(given.platform, given.token),
    key_refusals: 0,
    last_seen_at: now,
    updated_at: now,
  }
}

/**
 * What a backend's change changes. Another token is another subscription of the device: it needs keys of its own on
 * the web, is made with the app's current key pair unless one is named, and shows that the device is there.
 *
 * @returns undefined when nothing is different
 * @throws 422 when another web token comes without its keys
 */
export function changeByBackend(
  known: StoredSubscriber,
  { token, ...change }: SubscriberChange,
  currentVapidPair: number,
  now: Date,
): SubscriberUpdate | undefined {
  if (token === undefined) return stamped(differences(known, change), now)
  const status = change.status ?? (known.status === 'inactive' ? 'active' : undefined)
  if (token === known.token) return stamped(differences(known, { ...change, status }), now)
  if (known.platform === 'web' && !change.keys) {
    throw refusals.invalid({ keys: ['is required with another token'] })
  }
  const vapidPair = change.vapidPair ?? (known.platform === 'web' ? currentVapidPair : undefined)
  return {
    ...differences(known, { ...change, status, vapidPair }),
    token,
    token_hash: tokenHash(known.platform, token),
    key_refusals: 0,
    last_seen_at: now,
    updated_at: now,
  }
}

function stamped(update: SubscriberUpdate | undefined, now: Date): SubscriberUpdate | undefined {
  return update && { ...update, updated_at: now }
}

/** The columns in which a subscriber is not as wanted; undefined when there is none. */
function differences(
  known: StoredSubscriber,
  wanted: Omit<SubscriberChange, 'token'>,
): SubscriberUpdate | undefined {
  const { keys, vapidPair, userId, status } = wanted
  const isLeft = known.userId !== null && userId !== undefined && userId !== known.userId
  // Whoever had the token before takes all that was about them along.
  const { tags = isLeft ? [] : undefined, metadata = isLeft ? {} : undefined } = wanted
  const update: SubscriberUpdate = {
    ...(isLeft && { user_epoch: (known.userEpoch + 1) % userEpochs }),
    ...(userId !== undefined && userId !== known.userId && { user_id: userId }),
    ...(status && status !== known.status && { status }),
    ...(tags && !isDeepStrictEqual(tags, known.tags) && { tags }),
    ...(metadata && !isSameJson(metadata, known.metadata) && { metadata: JSON.stringify(metadata) }),
    ...(keys && !isSameKeys(keys, known) && { p256dh: keys.p256dh, auth: keys.auth }),
    // Refusals of the pair before say nothing about another one.
    ...(vapidPair !== undefined &&
      vapidPair !== known.vapidPair && { vapid_pair: vapidPair, key_refusals: 0 }),
  }
  return Object.keys(update).length > 0 ? update : undefined
}

/** With the order of keys: it is kept. */
function isSameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function isSameKeys(keys: SubscriberKeys, known: Pick<StoredSubscriber, 'p256dh' | 'auth'>): boolean {
  const isSame = (one: Uint8Array, other: Uint8Array | null) =>
    other !== null && Buffer.compare(one, other) === 0
  return isSame(keys.p256dh, known.p256dh) && isSame(keys.auth, known.auth)
}

/** In UTC. */
function isSameDay(one: Date, other: Date): boolean {
  return one.toISOString().slice(0, 10) === other.toISOString().slice(0, 10)
}
