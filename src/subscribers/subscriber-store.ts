import { hash } from 'node:crypto'
import { type Selection, sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import type { Database, Platform, SubscriberStatus } from '../database.ts'
import { asTable, type TableColumns, textArray } from '../platform/db/as-table.ts'
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

/**
 * Inserts new subscribers of any apps in one statement, in the order in which tokens are locked. Waits for a transaction
 * that is inserting the same token.
 *
 * @param subscribers by {@link nameOfToken}
 * @param waiting see `holdApps`
 * @returns the apps, which are held until the transaction ends, without those that are gone; and the number inserted for
 *   them: lower than given when subscribers already have some of the tokens
 */
export async function insertSubscribers(
  trx: Trx,
  subscribers: ReadonlyMap<string, StoredSubscriber>,
  now: Date,
  waiting?: 'skip locked',
): Promise<{ apps: Set<string>; inserted: number }> {
  if (subscribers.size === 0) return { apps: new Set(), inserted: 0 }
  const rows = [...subscribers].sort(([one], [other]) => (one < other ? -1 : 1))
  const appIds = rows.map(([, { appId }]) => appId)
  const result = await sql<{ apps: string[] | null; inserted: number }>`
    with held as (${selectHeldApps(appIds, waiting)}),
    inserted as (
      insert into subscribers (app_id, id, platform, token, token_hash, p256dh, auth, vapid_pair, user_id, user_epoch,
        tags, metadata, status, last_seen_at, created_at, updated_at)
      select app_id, id, platform, token, token_hash, p256dh, auth, vapid_pair, user_id, user_epoch,
        tags::text[], metadata::json, 'active', ${now}, ${now}, ${now}
      from ${asTable('row', rows, rowColumns)}
      where app_id in (select held.id from held)
      on conflict (app_id, token_hash) do nothing returning 1)
    select (select array_agg(id) from held) as apps, (select count(*)::int from inserted) as inserted`.execute(
    trx,
  )
  const { apps, inserted } = result.rows[0]!
  return { apps: new Set(apps), inserted }
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
  const rows = steps.map(({ before, after }): NamedSubscriber => {
    const name = nameOfToken(after.appId, after.platform, after.token)
    return [name, { ...after, metadata: after.metadata === before.metadata ? null : after.metadata }]
  })
  await sql`
    update subscribers known set token = row.token, token_hash = row.token_hash, p256dh = row.p256dh, auth = row.auth,
      key_refusals = case when known.vapid_pair <> row.vapid_pair or known.token_hash <> row.token_hash then 0
        else known.key_refusals end,
      vapid_pair = row.vapid_pair, user_id = row.user_id, user_epoch = row.user_epoch, tags = row.tags::text[],
      metadata = coalesce(row.metadata::json, known.metadata), status = row.status,
      last_seen_at = row.last_seen_at, updated_at = row.updated_at
    from ${asTable('row', rows, stepColumns)} where known.app_id = row.app_id and known.id = row.id`.execute(
    trx,
  )
}

/** A subscriber by {@link nameOfToken}. Metadata that is null stays as it is stored. */
type NamedSubscriber = [
  name: string,
  Omit<StoredSubscriber, 'metadata'> & { metadata: StoredSubscriber['metadata'] | null },
]

/** Metadata is sent as text: it is a separate JSON document, stored unchanged, NUL characters included. */
const rowColumns: TableColumns<NamedSubscriber> = {
  app_id: ['uuid', ([, { appId }]) => appId],
  id: ['uuid', ([, { id }]) => id],
  platform: ['text', ([, { platform }]) => platform],
  token: ['text', ([, { token }]) => token],
  token_hash: ['bytea', ([name]) => hashInName(name)],
  p256dh: ['bytea', ([, { p256dh }]) => p256dh],
  auth: ['bytea', ([, { auth }]) => auth],
  vapid_pair: ['smallint', ([, { vapidPair }]) => vapidPair],
  user_id: ['text', ([, { userId }]) => userId],
  user_epoch: ['smallint', ([, { userEpoch }]) => userEpoch],
  tags: ['text', ([, { tags }]) => textArray(tags)],
  metadata: ['text', ([, { metadata }]) => metadata && JSON.stringify(metadata)],
}

const stepColumns: TableColumns<NamedSubscriber> = {
  ...rowColumns,
  status: ['text', ([, { status }]) => status],
  last_seen_at: ['timestamptz', ([, { lastSeenAt }]) => lastSeenAt],
  updated_at: ['timestamptz', ([, { updatedAt }]) => updatedAt],
}

/** The hash in a {@link nameOfToken}, in the text form that PostgreSQL reads. */
function hashInName(name: string): string {
  return `\\x${name.slice(0, 64)}`
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
