import type { NotificationStatus } from '../database.ts'
import type { Db } from '../platform/db/db.ts'
import type { Notification } from './notification-store.ts'

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
