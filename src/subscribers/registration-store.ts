import { sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import { asTable, type TableColumns, textArray } from '../platform/db/as-table.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { nameOfToken, type StoredSubscriber, storedColumns } from './subscriber-store.ts'

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
