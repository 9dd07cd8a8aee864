import { type Selectable, sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import type { Database, NotificationStatus } from '../database.ts'
import type { MessageContent } from '../message-content.ts'
import type { Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'

export type Notification = Omit<Selectable<Database['notifications']>, 'due_at'>

/** A notification to be sent at once. */
export interface NewNotification {
  id: string
  appId: string
  title: string
  content: MessageContent
  targeting: unknown
  /** The notification's place in its app's lane: rank.ts. */
  rank: number
}

/**
 * Holds the apps that exist and inserts their notifications, due now, in one statement.
 *
 * @param waiting the same option as in `holdApps`
 * @returns the inserted notifications by id
 */
export async function insertNotifications(
  trx: Trx,
  given: readonly NewNotification[],
  now: Date,
  waiting?: 'skip locked',
): Promise<Map<string, Notification>> {
  const appIds = given.map(({ appId }) => appId)
  // JSON documents are nested as text, so that they are stored unchanged, including NUL characters.
  const rows = given.map((one) => ({
    ...one,
    content: JSON.stringify(one.content),
    targeting: one.targeting === undefined ? null : JSON.stringify(one.targeting),
  }))
  const inserted = await sql<{ id: string }>`
    with held as (${selectHeldApps(appIds, waiting)})
    insert into notifications (app_id, id, title, content, targeting, rank, status, due_at, created_at, updated_at)
    select "appId", id, title, content::json, targeting::json, rank, 'sending',
      ${now}, ${now}, ${now}
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row ("appId" uuid, id uuid, title text, content text, targeting text, rank smallint)
    where "appId" in (select held.id from held)
    returning id`.execute(trx)
  const isInserted = new Set(inserted.rows.map(({ id }) => id))
  return new Map(given.filter(({ id }) => isInserted.has(id)).map((row) => [row.id, asInserted(row, now)]))
}

function asInserted({ appId, ...given }: NewNotification, now: Date): Notification {
  return {
    ...given,
    app_id: appId,
    targeting: given.targeting ?? null,
    status: 'sending',
    failure_reason: null,
    total_count: 0,
    total_batches: 0,
    completed_batches: 0,
    sent_count: 0,
    failed_count: 0,
    skipped_count: 0,
    delivered_count: 0,
    clicked_count: 0,
    scheduled_at: null,
    sent_at: null,
    created_at: now,
    updated_at: now,
  }
}

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
  await sql`
    update notifications n set due_at = null, status = row.status,
      failure_reason = case when n.status <> 'sending' then n.failure_reason
        when row.status = 'sending' then coalesce(row."failureReason", n.failure_reason) else row."failureReason" end,
      sent_at = case when n.sent_at is null and row.status <> 'sending' then ${now}::timestamptz else n.sent_at end,
      total_count = row."totalCount", total_batches = row."totalBatches",
      completed_batches = row."completedBatches", sent_count = row."sentCount",
      failed_count = row."failedCount", skipped_count = row."skippedCount", updated_at = ${now}
    from json_to_recordset(${JSON.stringify(notifications)}::text::json) as row ("appId" uuid, id uuid, status text,
      "failureReason" text, "totalCount" int, "totalBatches" int, "completedBatches" int, "sentCount" int,
      "failedCount" int, "skippedCount" int)
    where n.app_id = row."appId" and n.id = row.id and ${isOneOf('n', notifications)}`.execute(trx)
}

/** Adds the deliveries and clicks that devices reported to each notification's counts. */
export async function addReceiptCounts(
  trx: Trx,
  counts: readonly { appId: string; id: string; delivered: number; clicked: number }[],
): Promise<void> {
  await sql`
    update notifications as notification
    set delivered_count = delivered_count + delivered, clicked_count = clicked_count + clicked
    from json_to_recordset(${JSON.stringify(counts)}::text::json)
      as row ("appId" uuid, id uuid, delivered int, clicked int)
    where notification.app_id = row."appId" and notification.id = row.id
      and ${isOneOf('notification', counts)}`.execute(trx)
}
