import { sql } from 'kysely'
import type { Trx } from '../platform/db.ts'

/** How far a notification's fan-out has come, as the transaction that moved it sees it. */
export interface NotificationProgress {
  appId: string
  id: string
  title: string
  totalCount: number
  totalBatches: number
  completedBatches: number
  sentCount: number
  failedCount: number
}

const progressColumns = [
  'app_id as appId',
  'id',
  'title',
  'total_count as totalCount',
  'total_batches as totalBatches',
  'completed_batches as completedBatches',
  'sent_count as sentCount',
  'failed_count as failedCount',
] as const

/** Locks a notification that is to be fanned out; undefined when it is gone or was fanned out before. */
export async function beginFanOut(
  trx: Trx,
  appId: string,
  id: string,
): Promise<{ targeting: unknown } | undefined> {
  return trx
    .selectFrom('notifications')
    .select('targeting')
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .where('status', '=', 'sending')
    .where('total_batches', '=', 0)
    .forUpdate()
    .executeTakeFirst()
}

export async function recordFanOut(
  trx: Trx,
  appId: string,
  id: string,
  batches: number,
  subscribers: number,
  now: Date,
): Promise<NotificationProgress> {
  return trx
    .updateTable('notifications')
    .set({ total_batches: batches, total_count: subscribers, updated_at: now })
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning(progressColumns)
    .executeTakeFirstOrThrow()
}

/** Adds one closed batch's counts, those who came into its range since it was cut, and the batches that carry on what it could not finish. */
export async function recordBatchCounts(
  trx: Trx,
  appId: string,
  id: string,
  counts: {
    sent: number
    failed: number
    skipped: number
    added: number
    addedBatches: number
    retryReason: string | null
  },
  now: Date,
): Promise<NotificationProgress> {
  return trx
    .updateTable('notifications')
    .set((eb) => ({
      sent_count: eb('sent_count', '+', counts.sent),
      failed_count: eb('failed_count', '+', counts.failed),
      skipped_count: eb('skipped_count', '+', counts.skipped),
      total_count: eb('total_count', '+', counts.added),
      completed_batches: eb('completed_batches', '+', 1),
      total_batches: eb('total_batches', '+', counts.addedBatches),
      ...(counts.retryReason !== null && { failure_reason: counts.retryReason }),
      updated_at: now,
    }))
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning(progressColumns)
    .executeTakeFirstOrThrow()
}

export async function finishNotification(
  trx: Trx,
  appId: string,
  id: string,
  end: { status: 'sent' | 'failed'; failureReason: string | null; now: Date },
): Promise<void> {
  await trx
    .updateTable('notifications')
    .set({ status: end.status, failure_reason: end.failureReason, sent_at: end.now, updated_at: end.now })
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .execute()
}

/** Locks notifications in the order of their ids. @returns the ids of those that exist */
export async function lockNotifications(
  trx: Trx,
  keys: readonly { appId: string; notificationId: string }[],
): Promise<Set<string>> {
  const wanted = keys.map(({ appId, notificationId }) => ({ app_id: appId, id: notificationId }))
  const { rows } = await sql<{ id: string }>`
    select id from notifications
    where (app_id, id) in (
      select app_id, id from json_to_recordset(${JSON.stringify(wanted)}::text::json) as key (app_id uuid, id uuid))
    order by app_id, id for no key update`.execute(trx)
  return new Set(rows.map(({ id }) => id))
}

/** Adds what devices reported to each notification. */
export async function addReceiptCounts(
  trx: Trx,
  counts: readonly { appId: string; id: string; delivered: number; clicked: number }[],
): Promise<void> {
  const rows = counts.map(({ appId, ...count }) => ({ app_id: appId, ...count }))
  await sql`
    update notifications as notification
    set delivered_count = delivered_count + delivered, clicked_count = clicked_count + clicked
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (app_id uuid, id uuid, delivered int, clicked int)
    where notification.app_id = row.app_id and notification.id = row.id`.execute(trx)
}
