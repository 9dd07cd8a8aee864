import { type Selectable, sql } from 'kysely'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import type { Database, NotificationStatus } from '../database.ts'
import type { MessageContent } from '../message-content.ts'
import type { Db, Trx } from '../platform/db/db.ts'

export type Notification = Omit<Selectable<Database['notifications']>, 'due_at'>

/** A notification to be sent at once. */
export interface NewNotification {
  id: string
  appId: string
  title: string
  content: MessageContent
  targeting: unknown
  /** The notification's place in its app's lane: sending/rank.ts. */
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
  const rows = given.map(({ appId, id, title, content, targeting, rank }) => ({
    app_id: appId,
    id,
    title,
    // JSON documents are nested as text, so that they are stored unchanged, including NUL characters.
    content: JSON.stringify(content),
    targeting: targeting === undefined ? null : JSON.stringify(targeting),
    rank,
  }))
  const inserted = await sql<{ id: string }>`
    with held as (${selectHeldApps(appIds, waiting)})
    insert into notifications (app_id, id, title, content, targeting, rank, status, due_at, created_at, updated_at)
    select app_id, id, title, content::json, targeting::json, rank, 'sending',
      ${now}, ${now}, ${now}
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (app_id uuid, id uuid, title text, content text, targeting text, rank smallint)
    where app_id in (select held.id from held)
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

/** Lists an app's notifications, newest first: `limit` of them, plus one when there are more. */
export async function listNotifications(
  db: Db,
  appId: string,
  filter: {
    status?: NotificationStatus
    /** Lists only notifications older than this one. */
    after: string | undefined
    limit: number
    offset: number
  },
): Promise<Notification[]> {
  return db
    .selectFrom('notifications')
    .selectAll()
    .where('app_id', '=', appId)
    .$if(filter.status !== undefined, (query) => query.where('status', '=', filter.status!))
    .$if(filter.after !== undefined, (query) => query.where('id', '<', filter.after!))
    .orderBy('id', 'desc')
    .limit(filter.limit + 1)
    .offset(filter.offset)
    .execute()
}

/** @returns undefined when the app has no such notification */
export async function readNotification(db: Db, appId: string, id: string): Promise<Notification | undefined> {
  return db
    .selectFrom('notifications')
    .selectAll()
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .executeTakeFirst()
}
