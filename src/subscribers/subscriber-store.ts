import { hash } from 'node:crypto'
import { type Selection, sql } from 'kysely'
import type { Database, Platform, SubscriberStatus } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
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

const storedColumns = [
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
  const rows = names.map((name) => ({ app_id: name.slice(64), wanted: toBytea(name.slice(0, 64)) }))
  const known = db
    .selectFrom('subscribers')
    .select(storedColumns)
    .where(sql<boolean>`app_id = key.app_id and token_hash = key.wanted`)
    // At most one row matches. The limit forces one look-up per token; a join would read all of a new table.
    .limit(1)
    .$if(lock !== undefined, (query) => query.forUpdate())
  const found = await sql<StoredSubscriber & { hash: string }>`
    select known.*, encode(key.wanted, 'hex') as hash
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as key (app_id uuid, wanted bytea)
    cross join lateral (${known}) as known`.execute(db)
  return new Map(found.rows.map(({ hash, ...subscriber }) => [hash + subscriber.appId, subscriber]))
}

/**
 * Inserts subscribers of any apps in one statement, in the order in which tokens are locked. Waits for a transaction
 * that is inserting the same token.
 *
 * @returns the number inserted: lower than given when subscribers of the app already have some of the tokens
 */
export async function insertSubscribers(trx: Trx, subscribers: readonly StoredSubscriber[]): Promise<number> {
  if (subscribers.length === 0) return 0
  const rows = subscribers.map((each) => ({ ...toRow(each), metadata: JSON.stringify(each.metadata) }))
  rows.sort((one, other) => (one.token_hash < other.token_hash ? -1 : 1))
  const { numAffectedRows } = await sql`
    insert into subscribers (app_id, id, platform, token, token_hash, p256dh, auth, vapid_pair, user_id, user_epoch,
      tags, metadata, status, last_seen_at, created_at, updated_at)
    select app_id, id, platform, token, token_hash, p256dh, auth, vapid_pair, user_id, user_epoch,
      tags, metadata::json, status, last_seen_at, updated_at, updated_at
    from ${recordset(rows)}
    on conflict (app_id, token_hash) do nothing`.execute(trx)
  return Number(numAffectedRows)
}

/** A subscriber as it was read, and as it is to be stored. */
export interface SubscriberStep {
  before: StoredSubscriber
  after: StoredSubscriber
}

/**
 * Writes subscribers of any apps that the transaction has locked, in one statement. A new token or key pair resets the
 * count of key refusals, because they say nothing about the new one.
 */
export async function saveSubscribers(trx: Trx, steps: readonly SubscriberStep[]): Promise<void> {
  if (steps.length === 0) return
  const rows = steps.map(({ before, after }) => ({
    ...toRow(after),
    metadata: after.metadata === before.metadata ? null : JSON.stringify(after.metadata),
  }))
  await sql`
    update subscribers known set token = row.token, token_hash = row.token_hash, p256dh = row.p256dh, auth = row.auth,
      key_refusals = case when known.vapid_pair <> row.vapid_pair or known.token_hash <> row.token_hash then 0
        else known.key_refusals end,
      vapid_pair = row.vapid_pair, user_id = row.user_id, user_epoch = row.user_epoch, tags = row.tags,
      metadata = coalesce(row.metadata::json, known.metadata), status = row.status,
      last_seen_at = row.last_seen_at, updated_at = row.updated_at
    from ${recordset(rows)} where known.app_id = row.app_id and known.id = row.id`.execute(trx)
}

/** Metadata is sent as text: it is a separate JSON document, stored unchanged, NUL characters included. */
const recordset = (rows: readonly object[]) => sql`json_to_recordset(${JSON.stringify(rows)}::text::json)
  as row (app_id uuid, id uuid, platform text, token text, token_hash bytea, p256dh bytea, auth bytea,
    vapid_pair smallint, user_id text, user_epoch smallint, tags text[], metadata text, status text,
    last_seen_at timestamptz, updated_at timestamptz)`

function toRow(subscriber: StoredSubscriber) {
  const { platform, token, p256dh, auth } = subscriber
  return {
    app_id: subscriber.appId,
    id: subscriber.id,
    platform,
    token,
    token_hash: toBytea(tokenHash(platform, token).toString('hex')),
    p256dh: p256dh && toBytea(Buffer.from(p256dh).toString('hex')),
    auth: auth && toBytea(Buffer.from(auth).toString('hex')),
    vapid_pair: subscriber.vapidPair,
    user_id: subscriber.userId,
    user_epoch: subscriber.userEpoch,
    tags: subscriber.tags,
    status: subscriber.status,
    last_seen_at: subscriber.lastSeenAt.toISOString(),
    updated_at: subscriber.updatedAt.toISOString(),
  }
}

/** Bytes in the text form that PostgreSQL reads. */
function toBytea(hex: string): string {
  return `\\x${hex}`
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
  return db
    .selectFrom('subscribers')
    .select(columns)
    .where(sql<boolean>`(app_id, id) in (
      select * from unnest(${sql.val(keys.map(({ appId }) => appId))}::uuid[], ${sql.val(keys.map(({ id }) => id))}::uuid[]))`)
    .execute()
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
