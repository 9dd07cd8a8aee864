import { type RawBuilder, sql } from 'kysely'
import type { NotificationContent } from '../database.ts'
import type { Db, Trx } from '../platform/db.ts'

/** A batch that is still to be sent, with what is needed for it. */
export interface OpenBatch {
  first: string
  last: string
  /** How many it is for; null: cut by a version that did not say. */
  subscriberCount: number | null
  title: string
  content: NotificationContent
  targeting: unknown
  notificationCreatedAt: Date
  settings: Record<string, unknown>
  vapidPair: number
  vapidPublicKey: string
  /** Encrypted at rest. */
  vapidPrivateKey: Uint8Array
}

/**
 * Cuts an audience into batches by key range, in one statement: the subscribers are numbered where they lie and
 * only the ends of each range are kept, so that no list of them ever reaches this process.
 *
 * @returns how many batches were made, numbered from 0, and how many subscribers are in them
 */
export async function cutAudience(
  trx: Trx,
  notification: { appId: string; id: string },
  condition: RawBuilder<boolean>,
  batchSize: number,
): Promise<{ batches: number; subscribers: number }> {
  const { rows } = await sql<{ batches: number; subscribers: number }>`
    with audience as (
      select id, (row_number() over (order by id) - 1) / ${batchSize}::int as number
      from subscribers
      where app_id = ${notification.appId}::uuid and status = 'active' and ${condition}
    ), ranges as (
      select number, min(id::text)::uuid as first, max(id::text)::uuid as last, count(*) as subscribers
      from audience group by number
    ), made as (
      insert into notification_batches
        (app_id, notification_id, number, first_subscriber_id, last_subscriber_id, subscriber_count, attempt)
      select ${notification.appId}::uuid, ${notification.id}::uuid, number, first, last, subscribers, 1
      from ranges
    )
    select count(*)::int as batches, coalesce(sum(subscribers), 0)::int as subscribers from ranges`.execute(
    trx,
  )
  return rows[0]!
}

/** @returns undefined when the batch was accounted already, or its notification or app is gone */
export async function readOpenBatch(
  db: Db,
  key: { appId: string; notificationId: string; number: number },
): Promise<OpenBatch | undefined> {
  return db
    .selectFrom('notification_batches as batch')
    .innerJoin('notifications as notification', (join) =>
      join
        .onRef('notification.app_id', '=', 'batch.app_id')
        .onRef('notification.id', '=', 'batch.notification_id'),
    )
    .innerJoin('apps as app', 'app.id', 'batch.app_id')
    .select([
      'batch.first_subscriber_id as first',
      'batch.last_subscriber_id as last',
      'batch.subscriber_count as subscriberCount',
      'notification.title',
      'notification.content',
      'notification.targeting',
      'notification.created_at as notificationCreatedAt',
      'app.settings',
      'app.vapid_pair as vapidPair',
      'app.vapid_public_key as vapidPublicKey',
      'app.vapid_private_key as vapidPrivateKey',
    ])
    .where('batch.app_id', '=', key.appId)
    .where('batch.notification_id', '=', key.notificationId)
    .where('batch.number', '=', key.number)
    .where('batch.completed_at', 'is', null)
    .executeTakeFirst()
}

/** @returns false when it was closed before, and so counted before */
export async function closeBatch(
  trx: Trx,
  key: { appId: string; notificationId: string; number: number },
  counts: { sent: number; failed: number },
  now: Date,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('notification_batches')
    .set({ completed_at: now, sent_count: counts.sent, failed_count: counts.failed })
    .where('app_id', '=', key.appId)
    .where('notification_id', '=', key.notificationId)
    .where('number', '=', key.number)
    .where('completed_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/** Adds a batch for subscribers that are to be tried again. */
export async function addRetryBatch(
  trx: Trx,
  key: { appId: string; notificationId: string; number: number },
  attempt: number,
  subscriberIds: readonly string[],
): Promise<void> {
  const ordered = [...subscriberIds].sort()
  await trx
    .insertInto('notification_batches')
    .values({
      app_id: key.appId,
      notification_id: key.notificationId,
      number: key.number,
      first_subscriber_id: ordered[0]!,
      last_subscriber_id: ordered.at(-1)!,
      subscriber_count: subscriberIds.length,
      attempt,
      completed_at: null,
    })
    .execute()
}
