import { type RawBuilder, sql } from 'kysely'
import type { Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

/**
 * Cuts an audience by key range inside the database, in one pass along the index. Only the ends of the ranges reach
 * this process, never a list of subscribers.
 */
export async function cutAudience(
  trx: Trx,
  appId: string,
  condition: RawBuilder<boolean>,
  batchSize: number,
) {
  const { rows } = await sql<{ firsts: string[] | null; lasts: string[] | null; subscribers: number }>`
    select array_agg(id) filter (where (n - 1) % ${batchSize}::int = 0) as firsts,
      array_agg(id) filter (where n % ${batchSize}::int = 0 or next is null) as lasts, count(*)::int as subscribers
    from (
      select id, row_number() over w as n, lead(id) over w as next from subscribers
      where app_id = ${appId}::uuid and status = 'active' and ${condition} window w as (order by id)
    ) numbered`.execute(trx)
  const { firsts, lasts, subscribers } = rows[0]!
  const ranges = (firsts ?? []).map((first, index) => ({
    first,
    last: lasts![index]!,
    count: Math.min(batchSize, subscribers - index * batchSize),
  }))
  return { ranges, subscribers }
}

/** A batch to send. */
export interface NewBatch {
  appId: string
  notificationId: string
  number: number
  attempt: number
  rank: number
  dueAt: Date
  first: string
  last: string
  count: number
  /** Subscribers to retry; null: all in the key range. */
  subscriberIds: readonly string[] | null
}

/** Inserts batches of any notifications, in one statement. */
export async function insertBatches(trx: Trx, batches: readonly NewBatch[]): Promise<void> {
  if (batches.length === 0) return
  await sql`
    insert into notification_batches (app_id, notification_id, number, attempt, rank, due_at, first_subscriber_id,
      last_subscriber_id, subscriber_count, subscriber_ids)
    select "appId", "notificationId", number, attempt, rank, "dueAt", first, last, count,
      case when "subscriberIds" is not null then array(select json_array_elements_text("subscriberIds")::uuid) end
    from json_to_recordset(${JSON.stringify(batches)}::text::json) as row ("appId" uuid, "notificationId" uuid,
      number int, attempt int, rank smallint, "dueAt" timestamptz, first uuid, last uuid, count int,
      "subscriberIds" json)`.execute(trx)
}

/** Identifies a batch. */
export interface BatchKey {
  appId: string
  notificationId: string
  number: number
}

/** Closes batches with their counts, in one statement. @returns the open ones: the others were counted before */
export async function closeBatches(
  trx: Trx,
  batches: readonly (BatchKey & { sent: number; failed: number })[],
  now: Date,
): Promise<BatchKey[]> {
  if (batches.length === 0) return []
  const keys = batches.map(({ appId, notificationId }) => ({ appId, id: notificationId }))
  const closed = await sql<BatchKey>`
    update notification_batches b set completed_at = ${now}, sent_count = row.sent, failed_count = row.failed
    from json_to_recordset(${JSON.stringify(batches)}::text::json)
      as row ("appId" uuid, "notificationId" uuid, number int, sent int, failed int)
    where b.app_id = row."appId" and b.notification_id = row."notificationId" and b.number = row.number
      and ${isOneOf('b', keys, 'notification_id')} and b.completed_at is null
    returning b.app_id as "appId", b.notification_id as "notificationId", b.number`.execute(trx)
  return closed.rows
}

/** Postpones open batches, in one statement. @returns the batches that were open */
export async function postponeBatches(
  trx: Trx,
  batches: readonly (BatchKey & { dueAt: Date })[],
): Promise<BatchKey[]> {
  if (batches.length === 0) return []
  const keys = batches.map(({ appId, notificationId }) => ({ appId, id: notificationId }))
  const postponed = await sql<BatchKey>`
    update notification_batches b set due_at = row."dueAt"
    from json_to_recordset(${JSON.stringify(batches)}::text::json)
      as row ("appId" uuid, "notificationId" uuid, number int, "dueAt" timestamptz)
    where b.app_id = row."appId" and b.notification_id = row."notificationId" and b.number = row.number
      and ${isOneOf('b', keys, 'notification_id')} and b.completed_at is null
    returning b.app_id as "appId", b.notification_id as "notificationId", b.number`.execute(trx)
  return postponed.rows
}
