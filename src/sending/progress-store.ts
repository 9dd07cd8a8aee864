import { sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import type { NotificationStatus } from '../database.ts'
import type { Db, Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

/** The progress of a notification, as seen by the transaction that holds its row. */
export interface NotificationProgress {
  appId: string
  id: string
  title: string
  status: NotificationStatus
  /** Whether its audience has yet to be resolved. */
  isUnresolved: boolean
  totalCount: number
  totalBatches: number
  completedBatches: number
  sentCount: number
  failedCount: number
  skippedCount: number
}

/**
 * Holds the apps of notifications, then locks the notifications in the order of their ids.
 *
 * @param waiting `skip locked`: leaves out the notifications of apps that are being deleted, instead of waiting for them
 * @returns the notifications that exist, by id
 */
export async function lockNotifications(
  trx: Trx,
  keys: readonly { appId: string; notificationId: string }[],
  waiting?: 'skip locked',
): Promise<Map<string, NotificationProgress>> {
  const wanted = keys.map(({ appId, notificationId }) => ({ appId, id: notificationId }))
  const appIds = keys.map(({ appId }) => appId)
  const { rows } = await sql<NotificationProgress>`
    with held as (${selectHeldApps(appIds, waiting)})
    select app_id as "appId", id, title, status, due_at is not null as "isUnresolved", total_count as "totalCount",
      total_batches as "totalBatches", completed_batches as "completedBatches", sent_count as "sentCount",
      failed_count as "failedCount", skipped_count as "skippedCount"
    from notifications
    where ${isOneOf('notifications', wanted)} and app_id = any(array(select held.id from held))
    order by app_id, id for no key update of notifications`.execute(trx)
  return new Map(rows.map((row) => [row.id, row]))
}

/**
 * Saves the progress of locked notifications, in one statement. Their audiences are resolved by now. `failureReason`
 * says why pushes are being retried while a notification is sending, and why nobody was reached when it ends.
 */
export async function saveProgress(
  trx: Trx,
  notifications: readonly (NotificationProgress & { failureReason: string | null })[],
  now: Date,
): Promise<void> {
  if (notifications.length === 0) return
  const rows = notifications.map((each) => ({
    app_id: each.appId,
    id: each.id,
    status: each.status,
    failure_reason: each.failureReason,
    total_count: each.totalCount,
    total_batches: each.totalBatches,
    completed_batches: each.completedBatches,
    sent_count: each.sentCount,
    failed_count: each.failedCount,
    skipped_count: each.skippedCount,
  }))
  await sql`
    update notifications n set due_at = null, status = row.status,
      failure_reason = case when n.status <> 'sending' then n.failure_reason
        when row.status = 'sending' then coalesce(row.failure_reason, n.failure_reason) else row.failure_reason end,
      sent_at = case when n.sent_at is null and row.status <> 'sending' then ${now}::timestamptz else n.sent_at end,
      total_count = row.total_count, total_batches = row.total_batches,
      completed_batches = row.completed_batches, sent_count = row.sent_count,
      failed_count = row.failed_count, skipped_count = row.skipped_count, updated_at = ${now}
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (app_id uuid, id uuid, status text,
      failure_reason text, total_count int, total_batches int, completed_batches int, sent_count int, failed_count int,
      skipped_count int)
    where n.app_id = row.app_id and n.id = row.id and ${isOneOf('n', notifications)}`.execute(trx)
}

/** Finds notifications of the apps that have been sending since `startedBefore` or longer, and so are overdue. */
export async function findOverdue(
  db: Db,
  appIds: readonly string[],
  startedBefore: Date,
  limit: number,
): Promise<{ appId: string; notificationId: string }[]> {
  const { rows } = await sql<{ appId: string; notificationId: string }>`
    select app_id as "appId", id as "notificationId" from notifications
    where app_id = any(${sql.val(appIds)}::uuid[]) and status = 'sending' and due_at is null
      and created_at <= ${startedBefore} and coalesce(scheduled_at, created_at) <= ${startedBefore}
    limit ${limit}`.execute(db)
  return rows
}

/** Adds the deliveries and clicks that devices reported to each notification's counts. */
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
    where notification.app_id = row.app_id and notification.id = row.id
      and ${isOneOf('notification', counts)}`.execute(trx)
}
