import { type Selection, sql } from 'kysely'
import type { Database, SubscriberStatus } from '../database.ts'
import { type Platform, platforms } from '../message-content.ts'
import { asTable } from '../platform/db/as-table.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import { respellToken } from './subscriber-token.ts'
import { hasTags } from './targeting.ts'
import { hashInName, type nameOfToken, tokenHash } from './token-name.ts'

export const subscriberColumns = [
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

export type Subscriber = Selection<Database, 'subscribers', (typeof subscriberColumns)[number]>

const storedColumns = [
  ...subscriberColumns,
  'p256dh',
  'auth',
  'vapid_pair as vapidPair',
  'user_epoch as userEpoch',
] as const

/** A subscriber with all fields that decide a change. */
export type StoredSubscriber = Selection<Database, 'subscribers', (typeof storedColumns)[number]>

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
    .select(subscriberColumns)
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
  return db.selectFrom('subscribers').select(subscriberColumns).where(isOneOf('subscribers', keys)).execute()
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

/**
 * Finds the subscribers that have the tokens, in any status and any app, in one statement. It returns `*`, so that it is
 * planned for each call (statement-names.ts): a plan from when the table was small would read all of it for each token.
 *
 * @param names see {@link nameOfToken}
 * @param lock locks the subscribers until the transaction ends, in the order given
 * @returns by name
 */
export async function findByTokens(
  db: Db,
  names: readonly string[],
  lock?: 'lock',
): Promise<Map<string, StoredSubscriber>> {
  if (names.length === 0) return new Map()
  const keys = asTable('key', names, {
    app_id: ['uuid', (name) => name.slice(64)],
    wanted: ['bytea', hashInName],
  })
  const known = db
    .selectFrom('subscribers')
    .select(storedColumns)
    .where(sql<boolean>`app_id = key.app_id and token_hash = key.wanted`)
    // At most one row matches. The limit forces one look-up per token; a join would read all of a new table.
    .limit(1)
    .$if(lock !== undefined, (query) => query.forUpdate())
  const found = await sql<StoredSubscriber & { hash: string }>`
    select known.*, encode(key.wanted, 'hex') as hash from ${keys} cross join lateral (${known}) as known`.execute(
    db,
  )
  return new Map(found.rows.map(({ hash, ...subscriber }) => [hash + subscriber.appId, subscriber]))
}
