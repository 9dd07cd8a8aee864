import type { Db } from '../../platform/db/db.ts'
import type { LoggedEvent } from '../event-store.ts'

/** Lists the events of an app after an id, in the order of their ids. */
export async function listEventKeys(
  db: Db,
  appId: string,
  after: string,
  limit: number,
): Promise<{ id: string; type: string }[]> {
  return db
    .selectFrom('events')
    .select(['id', 'type'])
    .where('app_id', '=', appId)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute()
}

/** Reads events of an app by id, in the order of their ids. Events deleted meanwhile are left out. */
export async function readFollowedEvents(
  db: Db,
  appId: string,
  ids: readonly string[],
): Promise<LoggedEvent[]> {
  if (ids.length === 0) return []
  return db
    .selectFrom('events')
    .select(['id', 'type', 'body'])
    .where('app_id', '=', appId)
    .where('id', 'in', ids)
    .orderBy('id')
    .execute()
}
