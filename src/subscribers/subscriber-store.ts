import { createHash } from 'node:crypto'
import { sql, type Updateable } from 'kysely'
import type { Database, InactiveReason, Platform, SubscriberStatus } from '../database.ts'
import { toTimestamp } from '../platform/clock.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { respellToken } from './subscriber-token.ts'

export const platforms = ['web', 'ios', 'android'] as const satisfies Platform[]

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
    last_active_at: toTimestamp(subscriber.lastSeenAt),
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

/** A subscriber with all that a change is decided by. */
export interface StoredSubscriber extends Subscriber {
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  vapidPair: number
  userEpoch: number
}

const storedColumns = [
  ...columns,
  'p256dh',
  'auth',
  'vapid_pair as vapidPair',
  'user_epoch as userEpoch',
] as const

/** What tells two subscribers of an app apart, of a token as `checkToken` leaves it (subscriber-token.ts). */
export function tokenHash(platform: Platform, token: string): Buffer {
  // Hexadecimal digits: both spellings are one device.
  const spelled = platform === 'ios' ? token.toLowerCase() : token
  return createHash('sha256').update(`${platform}:${spelled}`).digest()
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
  /** What the device had before the browser gave it `token`. */
  oldToken?: string
  keys: SubscriberKeys | null
  /** The app's key pair that the subscription was made with, where the request names one. */
  vapidPair?: number
  /** The app's current one, which a new subscriber gets otherwise. */
  currentVapidPair: number
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
  /** Whoever opted out stays so. */
  keepUnsubscribed?: boolean
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

/** The subscriber that has the token, whatever its status. */
export async function findByToken(
  db: Db,
  { appId, platform, token }: Pick<Registration, 'appId' | 'platform' | 'token'>,
  lock?: 'lock',
): Promise<StoredSubscriber | undefined> {
  return db
    .selectFrom('subscribers')
    .select(storedColumns)
    .where('app_id', '=', appId)
    .where('token_hash', '=', tokenHash(platform, token))
    .$if(lock !== undefined, (query) => query.forUpdate())
    .executeTakeFirst()
}

/** Which of an app's subscribers are wanted. */
export interface SubscriberQuery {
  platform?: Platform
  status?: SubscriberStatus
  userId?: string
  token?: string
  tag?: string
  /** Only those after this subscriber. */
  after?: string
  limit: number
  offset: number
}

/** Subscribers of an app, oldest first: `limit` and one more where there are more. */
export async function listSubscribers(
  db: Db,
  appId: string,
  { platform, status, userId, token, tag, after, limit, offset }: SubscriberQuery,
): Promise<Subscriber[]> {
  const hashes = (platform ? [platform] : platforms).map((each) =>
    tokenHash(each, respellToken(each, token ?? '')),
  )
  return db
    .selectFrom('subscribers')
    .select(columns)
    .where('app_id', '=', appId)
    .$if(platform !== undefined, (query) => query.where('platform', '=', platform!))
    .$if(status !== undefined, (query) => query.where('status', '=', status!))
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))
    .$if(token !== undefined, (query) => query.where('token_hash', 'in', hashes))
    .$if(tag !== undefined, (query) => query.where(sql<boolean>`tags @> ${sql.val([tag])}::text[]`))
    .$if(after !== undefined, (query) => query.where('id', '>', after!))
    .orderBy('id')
    .limit(limit + 1)
    .offset(offset)
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
): Promise<StoredSubscriber | undefined> {
  return trx
    .selectFrom('subscribers')
    .select(storedColumns)
    .where('app_id', '=', key.appId)
    .where('id', '=', key.id)
    .forUpdate()
    .executeTakeFirst()
}

/** @returns the subscriber as it is now; undefined when it had opted out before, is another user's, or is not there */
export async function markUnsubscribed(
  trx: Trx,
  key: { appId: string; id: string; userEpoch?: number },
  now: Date,
): Promise<Subscriber | undefined> {
  return trx
    .updateTable('subscribers')
    .set({ status: 'unsubscribed', updated_at: now })
    .where('app_id', '=', key.appId)
    .where('id', '=', key.id)
    .where('status', '<>', 'unsubscribed')
    .$if(key.userEpoch !== undefined, (query) => query.where('user_epoch', '=', key.userEpoch!))
    .returning(columns)
    .executeTakeFirst()
}

/** The columns of a subscriber that a change sets. */
export type SubscriberUpdate = Updateable<Database['subscribers']>

/**
 * Changes a subscriber that the transaction has locked.
 *
 * @throws 422 when another subscriber of the app has the token
 */
export async function updateSubscriber(
  trx: Trx,
  { appId, id }: Pick<Subscriber, 'appId' | 'id'>,
  update: SubscriberUpdate,
): Promise<Subscriber> {
  try {
    return await trx
      .updateTable('subscribers')
      .set(update)
      .where('app_id', '=', appId)
      .where('id', '=', id)
      .returning(columns)
      .executeTakeFirstOrThrow()
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
