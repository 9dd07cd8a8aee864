import { type RawBuilder, sql } from 'kysely'
import { dayMs } from '../platform/clock.ts'
import type { Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

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
