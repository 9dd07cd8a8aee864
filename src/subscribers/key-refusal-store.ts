import { sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

/** After this many consecutive refusals, a subscription counts as made with another key. */
const maxKeyRefusals = 3

/**
 * Counts pushes that were refused because of their key. After {@link maxKeyRefusals} consecutive refusals a subscriber
 * turns inactive. A refusal counts only if the push service has accepted the same key pair for other subscribers since
 * the previous refusal (`acceptedAt`), so that a fault of the whole app never counts twice.
 *
 * @returns how many subscribers turned inactive
 */
export async function recordKeyRefusals(
  trx: Trx,
  refusals: readonly { appId: string; subscriberId: string; acceptedAt: Date }[],
  now: Date,
): Promise<number> {
  if (refusals.length === 0) return 0
  const rows = refusals.map(({ appId, subscriberId, acceptedAt }) => ({
    app_id: appId,
    id: subscriberId,
    accepted_at: acceptedAt,
  }))
  const isLast = sql`key_refusals + 1 >= ${maxKeyRefusals}`
  const { rows: changed } = await sql<{ status: string }>`
    update subscribers set
      key_refusals = least(key_refusals + 1, ${maxKeyRefusals}), key_refused_at = ${now},
      status = case when ${isLast} then 'inactive' else status end,
      inactive_reason = case when ${isLast} then 'key_mismatch' else inactive_reason end,
      updated_at = case when ${isLast} then ${now} else updated_at end
    where (app_id, id) in (
      select subscriber.app_id, subscriber.id
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as refusal (app_id uuid, id uuid, accepted_at timestamptz)
      join subscribers as subscriber on subscriber.app_id = refusal.app_id and subscriber.id = refusal.id
      where subscriber.status = 'active' and ${isOneOf(
        'subscriber',
        refusals.map(({ appId, subscriberId }) => ({ appId, id: subscriberId })),
      )}
        and (subscriber.key_refused_at is null or subscriber.key_refused_at < refusal.accepted_at)
      order by subscriber.app_id, subscriber.id for no key update of subscriber)
    returning status`.execute(trx)
  return changed.filter(({ status }) => status === 'inactive').length
}

/** Resets the refusals of subscribers that received a push: their keys are right. */
export async function clearKeyRefusals(
  trx: Trx,
  reached: readonly { appId: string; subscriberId: string }[],
): Promise<void> {
  if (reached.length === 0) return
  const keys = reached.map(({ appId, subscriberId }) => ({ appId, id: subscriberId }))
  await sql`
    update subscribers set key_refusals = 0, key_refused_at = null where ${isOneOf('subscribers', keys)}`.execute(
    trx,
  )
}
