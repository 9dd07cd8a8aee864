import { holdApp } from '../apps/app-store.ts'
import type { NotificationContent } from '../database.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { fanOut } from '../pipeline.ts'
import { newId } from '../platform/ids.ts'
import { insertNotification, presentNotification } from './notification-store.ts'
import { findOversize } from './payload.ts'

/** A notification as it was asked for, its fields checked. */
export interface NotificationRequest {
  title: string
  content: NotificationContent
  targeting: unknown
}

/**
 * Accepts a notification: its row and its FanOut message in one transaction.
 *
 * @returns the notification as the API shows it
 * @throws 404 when the app is gone; 422 when the payload is too long
 */
export async function acceptNotification(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  app: { id: string; settings: Record<string, unknown> },
  request: NotificationRequest,
) {
  return deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, app.id))) throw refusals.notFound()
    const given = { id: newId(), appId: app.id, ...request }
    const oversize = findOversize(given, app.settings)
    if (oversize) throw refusals.invalid({ [oversize.field]: [oversize.message] })
    const notification = await insertNotification(trx, given, deps.clock.now())
    await deps.queue.enqueue(trx, fanOut, [
      { id: given.id, message: { appId: app.id, notificationId: given.id } },
    ])
    return presentNotification(notification)
  })
}
