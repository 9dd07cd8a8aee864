import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Platform, SubscriberStatus } from '../database.ts'
import { refusals } from '../errors.ts'
import { toTimestamp } from '../platform/clock.ts'
import type { Db } from '../platform/db.ts'

export interface Subscriber {
  id: string
  appId: string
  platform: Platform
  token: string
  userId: string | null
  tags: string[]
  metadata: Record<string, unknown>
  status: SubscriberStatus
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
  userId?: string | null
  tags?: string[]
  metadata?: Record<string, unknown>
}

/**
 * Registers a subscriber, or brings the one that has the token up to date: active, seen now, with the given fields;
 * fields not given keep their values. One statement, so that two requests at once make one subscriber.
 */
export async function upsertSubscriber(
  db: Db,
  given: Registration,
  now: Date,
): Promise<{ subscriber: Subscriber; created: boolean }> {
  const metadata = given.metadata && JSON.stringify(given.metadata)
  const row = await db
    .insertInto('subscribers')
    .values({
      app_id: given.appId,
      id: given.id,
      platform: given.platform,
      token: given.token,
      token_hash: tokenHash(given.platform, given.token),
      p256dh: given.keys?.p256dh ?? null,
      auth: given.keys?.auth ?? null,
      user_id: given.userId ?? null,
      tags: given.tags ?? [],
      metadata: metadata ?? '{}',
      status: 'active',
      last_seen_at: now,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) =>
      conflict.columns(['app_id', 'token_hash']).doUpdateSet({
        status: 'active',
        last_seen_at: now,
        updated_at: now,
        ...(given.keys && { p256dh: given.keys.p256dh, auth: given.keys.auth }),
        ...(given.userId !== undefined && { user_id: given.userId }),
        ...(given.tags && { tags: given.tags }),
        ...(metadata && { metadata }),
      }),
    )
    .returning([...columns, sql<boolean>`id = ${given.id}::uuid`.as('created')])
    .executeTakeFirstOrThrow()
  const { created, ...subscriber } = row
  return { subscriber, created }
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

export interface SubscriberChange {
  token?: string
  keys?: SubscriberKeys
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
  db: Db,
  subscriber: Pick<Subscriber, 'appId' | 'id' | 'platform'>,
  change: SubscriberChange,
  now: Date,
): Promise<Subscriber> {
  const { token, keys, userId, tags, metadata, status } = change
  const query = db
    .updateTable('subscribers')
    .set({
      token,
      token_hash: token === undefined ? undefined : tokenHash(subscriber.platform, token),
      p256dh: keys?.p256dh,
      auth: keys?.auth,
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

/** @throws 404 when the app has no such subscriber */
export async function deleteSubscriber(db: Db, appId: string, id: string): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('subscribers')
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw refusals.notFound()
}

/** Turns up to `limit` active subscribers inactive that were last seen before `before`. @returns how many */
export async function deactivateUnseen(db: Db, before: Date, now: Date, limit: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('subscribers')
    .set({ status: 'inactive', updated_at: now })
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
