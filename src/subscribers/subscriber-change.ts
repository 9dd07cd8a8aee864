import { timingSafeEqual } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { userEpochs } from '../channels/web-push/tracking-token.ts'
import type { Platform } from '../database.ts'
import { refusals } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { StoredSubscriber } from './subscriber-reader-store.ts'

export interface SubscriberKeys {
  p256dh: Uint8Array
  auth: Uint8Array
}

/** A requested registration, with its fields checked. */
export interface Registration {
  appId: string
  platform: Platform
  token: string
  /** The device's token before the browser replaced it with `token`. */
  oldToken?: string | undefined
  keys: SubscriberKeys | null
  /** The app's key pair that the subscription was made with, if the request names one. */
  vapidPair?: number | undefined
  /** The app's current key pair, the default for a new subscriber. */
  currentVapidPair: number
  userId?: string | null | undefined
  tags?: string[] | undefined
  metadata?: Record<string, unknown> | undefined
  /** Whether a subscriber that opted out stays unsubscribed. */
  keepUnsubscribed?: boolean
  /**
   * Set for a registration without an API key. It may change only subscribers whose secrets it sends: the `auth` of the
   * old token's subscription, or the keys of a token that is already registered.
   */
  proof?: { oldAuth: Uint8Array | undefined } | undefined
}

/** A backend's change to a subscriber. Fields not given keep their values. */
export interface SubscriberChange {
  token?: string
  keys?: SubscriberKeys
  /** The app's key pair that the subscription was made with, if the request names one. */
  vapidPair?: number
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
  status?: 'active' | 'unsubscribed'
}

/** Fields of a subscriber with their new values. */
export type SubscriberUpdate = Partial<StoredSubscriber>

/**
 * The new subscriber for a registration whose token nobody has.
 *
 * @throws 422 when a web token comes without its keys
 */
export function newSubscriber(given: Registration, now: Date): StoredSubscriber {
  const { appId, platform, token, keys } = given
  if (platform === 'web' && !keys) throw refusals.invalid({ keys: ['is required for web'] })
  return {
    id: newId(),
    appId,
    platform,
    token,
    userId: given.userId ?? null,
    tags: given.tags ?? [],
    metadata: given.metadata ?? {},
    status: 'active',
    inactiveReason: null,
    p256dh: keys?.p256dh ?? null,
    auth: keys?.auth ?? null,
    vapidPair: given.vapidPair ?? given.currentVapidPair,
    userEpoch: 0,
    lastSeenAt: now,
    createdAt: now,
    updatedAt: now,
  }
}

/**
 * The update that a registration makes to the subscriber with its token: active, seen today, and with the given fields.
 *
 * @returns undefined when nothing changes
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
  if (update) return { ...update, lastSeenAt: now, updatedAt: now }
  return isSameDay(known.lastSeenAt, now) ? undefined : { lastSeenAt: now }
}

/** The update for the subscriber with the registration's old token: the same device with a new subscription. */
export function changeByRenewal(known: StoredSubscriber, given: Registration, now: Date): SubscriberUpdate {
  if (known.platform === 'web' && !given.keys)
    throw refusals.invalid({ keys: ['is required with another token'] })
  const vapidPair = given.vapidPair ?? (known.platform === 'web' ? given.currentVapidPair : undefined)
  return {
    ...changeByRegistration(known, { ...given, vapidPair }, now),
    token: given.token,
    lastSeenAt: now,
    updatedAt: now,
  }
}

/**
 * The update for a backend's change. A new token is a new subscription of the same device. On the web it needs its own
 * keys, and it uses the app's current key pair unless the change names one. It also counts as seeing the device.
 *
 * @returns undefined when nothing changes
 * @throws 422 when a new web token comes without its keys
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
    lastSeenAt: now,
    updatedAt: now,
  }
}

function stamped(update: SubscriberUpdate | undefined, now: Date): SubscriberUpdate | undefined {
  return update && { ...update, updatedAt: now }
}

/** The fields in which a subscriber differs from the wanted values; undefined when there are none. */
function differences(
  known: StoredSubscriber,
  wanted: Omit<SubscriberChange, 'token'>,
): SubscriberUpdate | undefined {
  const { keys, vapidPair, userId, status } = wanted
  const isLeft = known.userId !== null && userId !== undefined && userId !== known.userId
  // Tags and metadata are about the previous user, so a new user starts without them.
  const { tags = isLeft ? [] : undefined, metadata = isLeft ? {} : undefined } = wanted
  const update: SubscriberUpdate = {
    ...(isLeft && { userEpoch: (known.userEpoch + 1) % userEpochs }),
    ...(userId !== undefined && userId !== known.userId && { userId }),
    ...(status && status !== known.status && { status }),
    ...(tags && !isDeepStrictEqual(tags, known.tags) && { tags }),
    ...(metadata && !isSameJson(metadata, known.metadata) && { metadata }),
    ...(keys && !isSameKeys(keys, known) && { p256dh: keys.p256dh, auth: keys.auth }),
    ...(vapidPair !== undefined && vapidPair !== known.vapidPair && { vapidPair }),
  }
  return Object.keys(update).length > 0 ? update : undefined
}

/** The order of keys counts, because it is stored. */
function isSameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Whether a registration may change the subscriber that has its token. */
export function ownsToken(holder: StoredSubscriber, { proof, keys }: Registration): boolean {
  return proof === undefined || (keys !== null && isSameKeys(keys, holder))
}

/** Whether a registration may take over the subscriber that has its old token. */
export function ownsOldToken(known: StoredSubscriber, { proof }: Registration): boolean {
  return proof === undefined || isSameBytes(proof.oldAuth, known.auth)
}

export function isSameKeys(keys: SubscriberKeys, known: Pick<StoredSubscriber, 'p256dh' | 'auth'>): boolean {
  return isSameBytes(keys.p256dh, known.p256dh) && isSameBytes(keys.auth, known.auth)
}

function isSameBytes(one: Uint8Array | undefined, other: Uint8Array | null): boolean {
  return one !== undefined && one.length === other?.length && timingSafeEqual(one, other)
}

/** In UTC. */
function isSameDay(one: Date, other: Date): boolean {
  return one.toISOString().slice(0, 10) === other.toISOString().slice(0, 10)
}
