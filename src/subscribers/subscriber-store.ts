import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { InactiveReason, Platform, SubscriberStatus } from '../database.ts'
import { refusals } from '../errors.ts'
import { toTimestamp } from '../platform/clock.ts'
import type { Db, Trx } from '../platform/db.ts'

export interface Subscriber {
  id: string
  appId: string
  platform: Platform
  token: string
  userId: string | null
  tags: string[]
  metadata: Record<string, unknown>
  status: SubscriberStatus
  /** Why it turned inactive last; means nothing while it is active. */
  inactiveReason: InactiveReason | null
  lastSeenAt: Date
  createdAt: Date
  updatedAt: Date
}

/** A subscriber as the API shows it; never its keys. */
export function presentSubscriber(subscriber: Subscriber) {
  return {
    id: subscriber.id,
    app_id: subscriber.appId,
    platform: subscriber.platform,
    token: subscriber.token,
    user_id: subscriber.userId,
    tags: subscriber.tags,
    metadata: subscriber.metadata,
    status: subscriber.status,
    last_seen_at: toTimestamp(subscriber.lastSeenAt),
    created_at: toTimestamp(subscriber.createdAt),
    updated_at: toTimestamp(subscriber.updatedAt),
    inactive_reason: subscriber.status === 'inactive' ? subscriber.inactiveReason : null,
  }
}

const columns = [
  'id',
  'app_id as appId',
  'platform',
  'token',
  'user_id as userId',
  'tags',
  'metadata',
  'status',
  'inactive_reason as inactiveReason',
  'last_seen_at as lastSeenAt',
  'created_at as createdAt',
  'updated_at as updatedAt',
] as const

/** What tells two subscribers of an app apart. */
export function tokenHash(platform: Platform, token: string): Buffer {
  return createHash('sha256').update(`${platform}:${token}`).digest()
}

export interface SubscriberKeys {
  p256dh: Uint8Array
  auth: Uint8Array
}

export interface Registration {
  id: string
  appId: string
  platform: Platform
  token: string
  keys: SubscriberKeys | null
  /** The app's key pair that the subscription was made with, where the request names one. */
  vapidPair?: number
  /** The app's current one, which a new subscriber gets otherwise. */
  currentVapidPair: number
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
}

/** Refusals of the pair before say nothing about another one. */
function boundTo(vapidPair: number) {
  return {
    vapid_pair: vapidPair,
    key_refusals: sql<number>`case when vapid_pair = ${vapidPair} then key_refusals else 0 end`,
  }
}

/** What a registration changes of a subscriber that is known. */
function refreshed(given: Registration, now: Date) {
  return {
    status: 'active' as const,
    last_seen_at: now,
    updated_at: now,
    ...(given.keys && { p256dh: given.keys.p256dh, auth: given.keys.auth }),
    ...(given.vapidPair !== undefined && boundTo(given.vapidPair)),
    ...(given.userId !== undefined && { user_id: given.userId }),
    ...(given.tags && { tags: given.tags }),
    ...(given.metadata && { metadata: JSON.stringify(given.metadata) }),
  }
}

/** Brings the active subscriber that has the token up to date; undefined when there is none. */
export async function refreshActive(db: Db, given: Registration, now: Date): Promise<Subscriber | undefined> {
  return db
    .updateTable('subscribers')
    .set(refreshed(given, now))
    .where('app_id', '=', given.appId)
    .where('token_hash', '=', tokenHash(given.platform, given.token))
    .where('status', '=', 'active')
    .returning(columns)
    .executeTakeFirst()
}

/** Inserts a subscriber; undefined when the app has one with the token. */
export async function insertSubscriber(
  trx: Trx,
  given: Registration,
  now: Date,
): Promise<Subscriber | undefined> {
  return trx
    .insertInto('subscribers')
    .values({
      app_id: given.appId,
      id: given.id,
      platform: given.platform,
      token: given.token,
      token_hash: tokenHash(given.platform, given.token),
      p256dh: given.keys?.p256dh ?? null,
      auth: given.keys?.auth ?? null,
      vapid_pair: given.vapidPair ?? given.currentVapidPair,
      user_id: given.userId ?? null,
      tags: given.tags ?? [],
      metadata: JSON.stringify(given.metadata ?? {}),
      status: 'active',
      last_seen_at: now,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.columns(['app_id', 'token_hash']).doNothing())
    .returning(columns)
    .executeTakeFirst()
}

/** Locks the subscriber that has the token, whatever its status. */
export async function findByToken(
  trx: Trx,
  { appId, platform, token }: Pick<Registration, 'appId' | 'platform' | 'token'>,
): Promise<{ id: string; status: SubscriberStatus } | undefined> {
  return trx
    .selectFrom('subscribers')
    .select(['id', 'status'])
    .where('app_id', '=', appId)
    .where('token_hash', '=', tokenHash(platform, token))
    .forUpdate()
    .executeTakeFirst()
}

/** Brings a subscriber that {@link findByToken} locked up to date. */
export async function refreshSubscriber(
  trx: Trx,
  id: string,
  given: Registration,
  now: Date,
): Promise<Subscriber> {
  return trx
    .updateTable('subscribers')
    .set(refreshed(given, now))
    .where('app_id', '=', given.appId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

export async function listSubscribers(
  db: Db,
  appId: string,
  filter: { platform?: Platform; status?: SubscriberStatus; limit: number; offset: number },
): Promise<Subscriber[]> {
  return db
    .selectFrom('subscribers')
    .select(columns)
    .where('app_id', '=', appId)
    .$if(filter.platform !== undefined, (query) => query.where('platform', '=', filter.platform!))
    .$if(filter.status !== undefined, (query) => query.where('status', '=', filter.status!))
    .orderBy('id')
    .limit(filter.limit)
    .offset(filter.offset)
    .execute()
}

/** @throws 404 when the app has no such subscriber */
export async function readSubscriber(db: Db, appId: string, id: string): Promise<Subscriber> {
  const subscriber = await db
    .selectFrom('subscribers')
    .select(columns)
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!subscriber) throw refusals.notFound()
  return subscriber
}

/** Keeps a subscriber as it is until the transaction ends; undefined when the app has no such one. */
export async function lockSubscriber(
  trx: Trx,
  key: { appId: string; id: string },
): Promise<{ status: SubscriberStatus; platform: Platform } | undefined> {
  return trx
    .selectFrom('subscribers')
    .select(['status', 'platform'])
    .where('app_id', '=', key.appId)
    .where('id', '=', key.id)
    .forUpdate()
    .executeTakeFirst()
}

/** @returns the subscriber as it is now; undefined when it had opted out before, or is not there */
export async function markUnsubscribed(
  trx: Trx,
  key: { appId: string; id: string },
  now: Date,
): Promise<Subscriber | undefined> {
  return trx
    .updateTable('subscribers')
    .set({ status: 'unsubscribed', updated_at: now })
    .where('app_id', '=', key.appId)
    .where('id', '=', key.id)
    .where('status', '<>', 'unsubscribed')
    .returning(columns)
    .executeTakeFirst()
}

export interface SubscriberChange {
  token?: string
  keys?: SubscriberKeys
  vapidPair?: number
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
  status?: 'active' | 'unsubscribed'
}

/**
 * Changes what is given.
 *
 * @throws 422 when another subscriber of the app has the token
 */
export async function updateSubscriber(
  trx: Trx,
  subscriber: Pick<Subscriber, 'appId' | 'id' | 'platform'>,
  change: SubscriberChange,
  now: Date,
): Promise<Subscriber> {
  const { token, keys, vapidPair, userId, tags, metadata, status } = change
  const query = trx
    .updateTable('subscribers')
    .set({
      token,
      token_hash: token === undefined ? undefined : tokenHash(subscriber.platform, token),
      p256dh: keys?.p256dh,
      auth: keys?.auth,
      ...(vapidPair !== undefined && boundTo(vapidPair)),
      user_id: userId,
      tags,
      metadata: metadata && JSON.stringify(metadata),
      status,
      last_seen_at: now,
      updated_at: now,
    })
    .where('app_id', '=', subscriber.appId)
    .where('id', '=', subscriber.id)
    .returning(columns)
  try {
    return await query.executeTakeFirstOrThrow(() => refusals.notFound())
  } catch (error) {
    if ((error as { code?: string }).code !== uniqueViolation) throw error
    throw refusals.invalid({ token: ['is already registered'] })
  }
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const uniqueViolation = '23505'

/** @returns the subscriber as it was; undefined when the app has no such one */
export async function deleteSubscriber(
  trx: Trx,
  key: { appId: string; id: string },
): Promise<Subscriber | undefined> {
  return trx
    .deleteFrom('subscribers')
    .where('app_id', '=', key.appId)
    .where('id', '=', key.id)
    .returning(columns)
    .executeTakeFirst()
}

/** Turns up to `limit` active subscribers inactive that were last seen before `before`. @returns how many */
export async function deactivateUnseen(db: Db, before: Date, now: Date, limit: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('subscribers')
    .set({ status: 'inactive', inactive_reason: 'unseen', updated_at: now })
    .where(sql<boolean>`(app_id, id) in (
      select app_id, id from subscribers where status = 'active' and last_seen_at < ${before} limit ${limit})`)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Deletes up to `limit` inactive subscribers that were last seen before `before`. @returns how many */
export async function deleteUnseen(db: Db, before: Date, limit: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('subscribers')
    .where(sql<boolean>`(app_id, id) in (
      select app_id, id from subscribers where status = 'inactive' and last_seen_at < ${before} limit ${limit})`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
