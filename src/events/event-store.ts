import { sql } from 'kysely'
import type { Db, Trx } from '../platform/db/db.ts'
import { readByIndex } from '../platform/db/read-by-index.ts'
import type { IdRange } from '../platform/ids.ts'

/** An event as stored: webhooks and streams get its body byte for byte. */
export interface LoggedEvent {
  id: string
  type: string
  body: string
}

/** Inserts events of any apps, in one statement. */
export async function insertEvents(
  trx: Trx,
  events: readonly (LoggedEvent & { appId: string; occurredAt: Date })[],
): Promise<void> {
  const rows = events.map(({ appId, id, type, body, occurredAt }) => ({ appId, id, type, body, occurredAt }))
  await sql`
    insert into events (app_id, id, type, body, occurred_at)
    select "appId", id, type, body, "occurredAt"
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row ("appId" uuid, id uuid, type text, body text, "occurredAt" timestamptz)`.execute(trx)
}

/** A query for an app's events. */
export interface EventQuery extends IdRange {
  event: string | undefined
  /** Only events older than this one. */
  after: string | undefined
  limit: number
}

const columns = ['id', 'type', 'body'] as const

/** Lists events of an app, newest first: `limit`, and one more if there are more. */
export async function listEvents(
  db: Db,
  appId: string,
  { event, from, before, after, limit }: EventQuery,
): Promise<LoggedEvent[]> {
  return readByIndex(db, (connection) =>
    connection
      .selectFrom('events')
      .select(columns)
      .where('app_id', '=', appId)
      .$if(event !== undefined, (query) => query.where('type', '=', event!))
      .$if(from !== undefined, (query) => query.where('id', '>=', from!))
      .$if(before !== undefined, (query) => query.where('id', '<', before!))
      .$if(after !== undefined, (query) => query.where('id', '<', after!))
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute(),
  )
}

/** @returns undefined when the app does not have the event, or no longer has it */
export async function readEvent(db: Db, appId: string, id: string): Promise<LoggedEvent | undefined> {
  return db
    .selectFrom('events')
    .select(columns)
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Reads events of an app, oldest first. Events deleted meanwhile are left out. */
export async function readEvents(db: Db, appId: string, ids: readonly string[]): Promise<LoggedEvent[]> {
  if (ids.length === 0) return []
  return db
    .selectFrom('events')
    .select(columns)
    .where('app_id', '=', appId)
    .where(sql<boolean>`id = any(${sql.val(ids)}::uuid[])`)
    .orderBy('id')
    .execute()
}

/** An event without its body. */
export type EventKey = Pick<LoggedEvent, 'id' | 'type'>

/** Lists up to `limit` events of an app after an id and before another, oldest first. */
export async function listEventKeys(
  db: Db,
  appId: string,
  { after, before }: { after: string; before?: string },
  limit: number,
): Promise<EventKey[]> {
  return db
    .selectFrom('events')
    .select(['id', 'type'])
    .where('app_id', '=', appId)
    .where('id', '>', after)
    .$if(before !== undefined, (query) => query.where('id', '<', before!))
    .orderBy('id')
    .limit(limit)
    .execute()
}
