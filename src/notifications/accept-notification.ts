import { createHash } from 'node:crypto'
import { holdApp } from '../apps/app-store.ts'
import type { NotificationContent } from '../database.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../errors.ts'
import { fanOut } from '../pipeline.ts'
import type { Trx } from '../platform/db.ts'
import { newId } from '../platform/ids.ts'
import { keepResponse, takeIdempotencyKey } from './idempotency-store.ts'
import { insertNotification, presentNotification } from './notification-store.ts'
import { findOversize } from './payload.ts'

/** A notification as it was asked for, its fields checked. */
export interface NotificationRequest {
  title: string
  content: NotificationContent
  targeting: unknown
}

/**
 * Accepts a notification: its row and its FanOut message in one transaction, with the idempotency key if there is one.
 *
 * @returns the notification as the API shows it; for a key seen before, as it was shown then
 * @throws 422 when the payload is too long, or the key was used for another body
 */
export async function acceptNotification(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  app: { id: string; settings: Record<string, unknown> },
  request: NotificationRequest,
  idempotencyKey: string | undefined,
): Promise<unknown> {
  return deps.db.transaction().execute(async (trx) => {
    if (!(await holdApp(trx, app.id))) throw refusals.notFound()
    if (idempotencyKey === undefined) return accept(trx, deps, app, request)
    const hash = createHash('sha256').update(JSON.stringify(request)).digest()
    const before = await takeIdempotencyKey(trx, app.id, idempotencyKey, hash, deps.clock.now())
    if (!before) {
      const response = await accept(trx, deps, app, request)
      await keepResponse(trx, app.id, idempotencyKey, response)
      return response
    }
    if (!hash.equals(before.requestHash)) {
      throw refusals.invalid({ 'Idempotency-Key': ['was used for another request'] })
    }
    return before.response
  })
}

async function accept(
  trx: Trx,
  deps: Pick<Deps, 'queue' | 'clock'>,
  app: { id: string; settings: Record<string, unknown> },
  request: NotificationRequest,
) {
  const given = { id: newId(), appId: app.id, ...request }
  const oversize = findOversize(given, app.settings)
  if (oversize) throw refusals.invalid({ [oversize.field]: [oversize.message] })
  const notification = await insertNotification(trx, given, deps.clock.now())
  await deps.queue.enqueue(trx, fanOut, [
    { id: given.id, message: { appId: app.id, notificationId: given.id } },
  ])
  return presentNotification(notification)
}
