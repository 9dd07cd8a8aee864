import { hash } from 'node:crypto'
import { type Selection, sql } from 'kysely'
import type { Database, Platform, SubscriberStatus } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import { respellToken } from './subscriber-token.ts'
import { hasTags } from './targeting.ts'

export const platforms = ['web', 'ios', 'android'] as const satisfies Platform[]

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

export type Subscriber = Selection<Database, 'subscribers', (typeof columns)[number]>

export const storedColumns = [
  ...columns,
  'p256dh',
  'auth',
  'vapid_pair as vapidPair',
  'user_epoch as userEpoch',
] as const

/** A subscriber with all fields that decide a change. */
export type StoredSubscriber = Selection<Database, 'subscribers', (typeof storedColumns)[number]>

/** Identifies a subscriber within its app, given a token as `checkToken` returns it (subscriber-token.ts). */
export function tokenHash(platform: Platform, token: string): Buffer {
  // iOS tokens are hexadecimal digits: upper and lower case name the same device.
  const spelled = platform === 'ios' ? token.toLowerCase() : token
  return hash('sha256', `${platform}:${spelled}`, 'buffer')
}

/** The name of a token across all apps: its hash in 64 hexadecimal digits, then the app's id. */
export function nameOfToken(appId: string, platform: Platform, token: string): string {
  return tokenHash(platform, token).toString('hex') + appId
}

/** The filter for a list of an app's subscribers. */
export interface SubscriberQuery {
  platform?: Platform
  status?: SubscriberStatus
  userId?: string
  token?: string
  tag?: string
  /** Returns only subscribers after this one. */
  after?: string
  limit: number
  offset: number
}

/** Subscribers of an app, oldest first: up to `limit`, plus one more if the list goes on. */
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
    .$if(tag !== undefined, (query) => query.where(hasTags([tag!], 'all')))
    .$if(after !== undefined, (query) => query.where('id', '>', after!))
    .orderBy('id')
    .limit(limit + 1)
    .offset(offset)
    .execute()
}

/** Reads the subscribers that exist, in any order, in one statement. */
export async function readSubscribers(
  db: Db,
  keys: readonly { appId: string; id: string }[],
): Promise<Subscriber[]> {
  return db.selectFrom('subscribers').select(columns).where(isOneOf('subscribers', keys)).execute()
}

export async function readSubscriber(db: Db, appId: string, id: string): Promise<Subscriber | undefined> {
  const [subscriber] = await readSubscribers(db, [{ appId, id }])
  return subscriber
}

/** Locks a subscriber until the transaction ends. @returns undefined when the app has no such subscriber */
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

/** @returns the changed subscriber; undefined when it already opted out, is another user's, or does not exist */
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

/** @returns the deleted subscriber; undefined when the app has no such subscriber */
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

/** Marks up to `limit` active subscribers inactive if last seen before `before`. @returns how many changed */
export async function deactivateUnseen(db: Db, before: Date, now: Date, limit: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('subscribers')
    .set({ status: 'inactive', inactive_reason: 'unseen', updated_at: now })
    .where(sql<boolean>`(app_id, id) in (
      select app_id, id from subscribers where status = 'active' and last_seen_at < ${before} limit ${limit})`)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Deletes up to `limit` inactive subscribers last seen before `before`. @returns how many were deleted */
export async function deleteUnseen(db: Db, before: Date, limit: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('subscribers')
    .where(sql<boolean>`(app_id, id) in (
      select app_id, id from subscribers where status = 'inactive' and last_seen_at < ${before} limit ${limit})`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
