import { type RawBuilder, sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import { dayMs } from '../platform/clock.ts'
import { asTable } from '../platform/db/as-table.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import { type StoredSubscriber, type Subscriber, subscriberColumns } from './subscriber-reader-store.ts'
import { type NamedSubscriber, rowColumns, stepColumns } from './subscriber-rows.ts'
import { nameOfToken } from './token-name.ts'

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
 * Takes the tokens from subscribers that are to get others, if one of these tokens goes to another subscriber: a statement
 * changes its rows in any order, and no two rows may have one token even for a moment.
 */
export async function vacateTokens(trx: Trx, steps: readonly SubscriberStep[]): Promise<void> {
  const moves = steps.filter(({ before, after }) => before.token !== after.token)
  const left = new Set(moves.map(({ before }) => nameOf(before)))
  if (!moves.some(({ after }) => left.has(nameOf(after)))) return
  await trx
    .updateTable('subscribers')
    .set({ token_hash: sql`uuid_send(id)` })
    .where(
      isOneOf(
        'subscribers',
        moves.map(({ before: { appId, id } }) => ({ appId, id })),
      ),
    )
    .execute()
}

const nameOf = ({ appId, platform, token }: StoredSubscriber) => nameOfToken(appId, platform, token)

/**
 * Writes subscribers of any apps that the transaction has locked, in one statement. A new token or key pair resets the
 * count of key refusals, because they say nothing about the new one.
 */
export async function saveSubscribers(trx: Trx, steps: readonly SubscriberStep[]): Promise<void> {
  if (steps.length === 0) return
  const rows = steps.map(({ before, after }): NamedSubscriber => {
    return [nameOf(after), { ...after, metadata: after.metadata === before.metadata ? null : after.metadata }]
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
    .returning(subscriberColumns)
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
    .returning(subscriberColumns)
    .executeTakeFirst()
}

interface SubscriberKey {
  appId: string
  subscriberId: string
}

const isAmong = (keys: readonly SubscriberKey[]): RawBuilder<boolean> =>
  isOneOf(
    'subscribers',
    keys.map(({ appId, subscriberId }) => ({ appId, id: subscriberId })),
  )

/** Marks subscribers of any apps inactive in one statement, after their push service reported the token as gone. */
export async function invalidateSubscribers(
  trx: Trx,
  gone: readonly SubscriberKey[],
  now: Date,
): Promise<void> {
  if (gone.length === 0) return
  await sql`
    update subscribers set status = 'inactive', inactive_reason = 'gone', updated_at = ${now}
    where status = 'active' and ${isAmong(gone)}`.execute(trx)
}

/** After this many consecutive refusals, a subscription counts as made with another key. */
const maxKeyRefusals = 3

/**
 * Counts pushes that were refused because of their key. After {@link maxKeyRefusals} consecutive refusals a subscriber
 * turns inactive. A refusal counts only if the push service has accepted the same key pair for other subscribers since
 * the previous refusal (`acceptedAt`), so that a fault of the whole app never counts twice.
 */
export async function recordKeyRefusals(
  trx: Trx,
  refusals: readonly (SubscriberKey & { acceptedAt: Date })[],
  now: Date,
): Promise<void> {
  if (refusals.length === 0) return
  const isLast = sql`key_refusals + 1 >= ${maxKeyRefusals}`
  await sql`
    update subscribers set
      key_refusals = least(key_refusals + 1, ${maxKeyRefusals}), key_refused_at = ${now},
      status = case when ${isLast} then 'inactive' else status end,
      inactive_reason = case when ${isLast} then 'key_mismatch' else inactive_reason end,
      updated_at = case when ${isLast} then ${now} else updated_at end
    where (app_id, id) in (
      select subscribers.app_id, subscribers.id
      from json_to_recordset(${JSON.stringify(refusals)}::text::json)
        as refusal ("appId" uuid, "subscriberId" uuid, "acceptedAt" timestamptz)
      join subscribers on subscribers.app_id = refusal."appId" and subscribers.id = refusal."subscriberId"
      where subscribers.status = 'active' and ${isAmong(refusals)}
        and (subscribers.key_refused_at is null or subscribers.key_refused_at < refusal."acceptedAt")
      order by subscribers.app_id, subscribers.id for no key update of subscribers)`.execute(trx)
}

/** Resets the refusals of subscribers that received a push: their keys are right. */
export async function clearKeyRefusals(trx: Trx, reached: readonly SubscriberKey[]): Promise<void> {
  if (reached.length === 0) return
  await sql`
    update subscribers set key_refusals = 0, key_refused_at = null where ${isAmong(reached)}`.execute(trx)
}

/** Reports of a device are stored at most this often: a write for each would cost more than it is worth. */
const seenAgainAfterMs = 7 * dayMs

/** Stores that devices were seen. It skips rows that another transaction is changing, so it never waits. */
export async function markSeen(trx: Trx, keys: readonly SubscriberKey[], now: Date): Promise<void> {
  await sql`
    update subscribers set last_seen_at = ${now} where (app_id, id) in (
      select app_id, id from subscribers
      where ${isAmong(keys)}
        and last_seen_at < ${new Date(now.getTime() - seenAgainAfterMs)}
      for update skip locked)`.execute(trx)
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
