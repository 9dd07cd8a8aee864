import { type RawBuilder, sql } from 'kysely'
import type { Platform } from '../database.ts'
import type { Db, Trx } from '../platform/db.ts'

/** A subscriber as the channels need it, and as events name it. */
export interface AudienceMember {
  id: string
  userId: string | null
  platform: Platform
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
  /** The number of the app's key pair that it was made with. */
  vapidPair: number
  /** Pushes in a row that were refused for their key. */
  keyRefusals: number
  userEpoch: number
}

const members = (db: Db, appId: string) =>
  db
    .selectFrom('subscribers')
    .select([
      'id',
      'user_id as userId',
      'platform',
      'token',
      'p256dh',
      'auth',
      'vapid_pair as vapidPair',
      'key_refusals as keyRefusals',
      'user_epoch as userEpoch',
    ])
    .where('app_id', '=', appId)
    .where('status', '=', 'active')
    .orderBy('id')

/**
 * One page of an audience: the active subscribers in a key range that the targeting still fits. Those who left since
 * the range was cut are not in it.
 *
 * @param range first and last id, both inclusive
 */
export async function readAudiencePage(
  db: Db,
  appId: string,
  range: { first: string; last: string },
  condition: RawBuilder<boolean>,
): Promise<AudienceMember[]> {
  return members(db, appId)
    .where('id', '>=', range.first)
    .where('id', '<=', range.last)
    .where(condition)
    .execute()
}

/** The given subscribers, as far as they are still active. */
export async function readAudienceMembers(
  db: Db,
  appId: string,
  ids: readonly string[],
): Promise<AudienceMember[]> {
  return members(db, appId)
    .where(sql<boolean>`id = any(${sql.val(ids)}::uuid[])`)
    .execute()
}

/** What events say of a subscriber besides its id, and whose reports are about it. */
export interface KnownSubscriber {
  userId: string | null
  platform: Platform
  userEpoch: number
}

/** @returns by id, as far as they exist */
export async function readSubscribers(
  trx: Trx,
  keys: readonly { appId: string; subscriberId: string }[],
): Promise<Map<string, KnownSubscriber>> {
  const { rows } = await sql<{ id: string } & KnownSubscriber>`
    select id, user_id as "userId", platform, user_epoch as "userEpoch" from subscribers
    where (app_id, id) in (select app_id, id from ${keyRows(keys)})`.execute(trx)
  return new Map(rows.map(({ id, ...known }) => [id, known]))
}

/** A device that reports is there; to write that down every time would cost more than it is worth. */
const seenAgainAfterMs = 7 * 86_400_000

/** Notes that devices were heard of. Waits for nobody: a row that is being changed is left as it is. */
export async function markSeen(
  trx: Trx,
  keys: readonly { appId: string; subscriberId: string }[],
  now: Date,
): Promise<void> {
  await sql`
    update subscribers set last_seen_at = ${now} where (app_id, id) in (
      select app_id, id from subscribers
      where (app_id, id) in (select app_id, id from ${keyRows(keys)})
        and last_seen_at < ${new Date(now.getTime() - seenAgainAfterMs)}
      for update skip locked)`.execute(trx)
}

function keyRows(keys: readonly { appId: string; subscriberId: string }[]) {
  const rows = keys.map(({ appId, subscriberId }) => ({ app_id: appId, id: subscriberId }))
  return sql`json_to_recordset(${JSON.stringify(rows)}::text::json) as key (app_id uuid, id uuid)`
}
