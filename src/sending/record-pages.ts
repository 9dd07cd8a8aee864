import { findLockedApps } from '../apps/app-lock-store.ts'
import { emitEvents, type NewEvent } from '../deliveries/publish-event.ts'
import { readEventReceivers } from '../deliveries/receiver-store.ts'
import type { Deps } from '../deps.ts'
import { lockNotifications, saveProgress } from '../notifications/notification-store.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import {
  clearKeyRefusals,
  invalidateSubscribers,
  recordKeyRefusals,
} from '../subscribers/subscriber-store.ts'
import { advance, dueAtOf, isPostponed } from './advance-notification.ts'
import { closeBatches, insertBatches, postponeBatches } from './batch-store.ts'
import { pageKey, type SentPage } from './page.ts'

/**
 * Records sent pages in one transaction and a fixed number of statements, whatever the number of pages and apps. This
 * updates counters, invalidates tokens that are gone, creates batches for retries and emits an event for each failed
 * subscriber. A notification that is complete ends here, with its event.
 *
 * @returns the keys of pages that were not counted (`lapsed`: they had been counted before, or their notification is gone)
 *   or cannot be recorded yet (`waiting`: their app is being deleted), and the notifications that are complete
 */
export async function recordPages(trx: Trx, deps: Pick<Deps, 'clock'>, pages: readonly SentPage[]) {
  const now = deps.clock.now()
  const keys = pages.map(({ page }) => ({ appId: page.appId, notificationId: page.id }))
  const appIds = [...new Set(keys.map(({ appId }) => appId))]
  const [locked, receivers] = await pipelined([
    lockNotifications(trx, keys, 'skip locked'),
    readEventReceivers(trx, appIds, now),
  ])
  const missing = pages.filter(({ page }) => !locked.has(page.id))
  const ending = await findLockedApps(
    trx,
    missing.map(({ page }) => page.appId),
  )
  const held = pages.filter(({ page }) => locked.has(page.id))
  const [closed, postponed] = await pipelined([
    closeBatches(trx, held.flatMap(toClosing), now),
    postponeBatches(
      trx,
      held.flatMap((sent) => toPostponed(sent, now)),
    ),
  ])
  const open = new Set(
    [...closed, ...postponed].map(({ notificationId, number }) => pageKey({ id: notificationId, number })),
  )
  const isOurs = ({ page }: SentPage) =>
    locked.has(page.id) &&
    (page.number === null ? locked.get(page.id)!.isUnresolved : open.has(pageKey(page)))
  const ours = pages.filter(isOurs)
  const settled = ours.filter((sent) => !isPostponed(sent))

  const changes = [...Map.groupBy(settled, ({ page }) => page.id)].map(([id, ofOne]) =>
    advance(locked.get(id)!, ofOne),
  )
  const completed = changes.flatMap(({ completed }) => completed ?? [])
  await pipelined([
    saveProgress(
      trx,
      changes.map(({ progress }) => progress),
      now,
    ),
    insertBatches(
      trx,
      changes.flatMap(({ retries }) => retries(now)),
    ),
    invalidateSubscribers(trx, ours.flatMap(toGone), now),
    recordKeyRefusals(trx, ours.flatMap(toRefused), now),
    clearKeyRefusals(trx, ours.flatMap(toReached)),
    emitEvents(
      trx,
      [...ours.flatMap((sent) => failureEvents(sent, now)), ...completed.map(({ event }) => event(now))],
      false,
      receivers,
    ),
  ])
  const keysOf = (some: readonly SentPage[]) => new Set(some.map(({ page }) => pageKey(page)))
  const waiting = missing.filter(({ page }) => ending.has(page.appId))
  return { lapsed: keysOf(pages.filter((sent) => !ours.includes(sent))), waiting: keysOf(waiting), completed }
}

function toClosing(sent: SentPage) {
  const { page, tally } = sent
  if (page.number === null || isPostponed(sent)) return []
  const { appId, id: notificationId, number } = page
  return [{ appId, notificationId, number, sent: tally.sent, failed: tally.failed }]
}

function toPostponed(sent: SentPage, now: Date) {
  if (!isPostponed(sent)) return []
  const { appId, id: notificationId, number } = sent.page
  return [{ appId, notificationId, number: number!, dueAt: dueAtOf(sent.tally.retries[0]!, now) }]
}

function toGone({ page: { appId }, tally }: SentPage) {
  return tally.gone.map((subscriberId) => ({ appId, subscriberId }))
}

function toRefused({ page: { appId }, keys }: SentPage) {
  return keys.refused.map((refusal) => ({ appId, ...refusal }))
}

function toReached({ page: { appId }, keys }: SentPage) {
  return keys.reached.map((subscriberId) => ({ appId, subscriberId }))
}

function failureEvents({ page: { appId, id }, tally }: SentPage, occurredAt: Date): NewEvent[] {
  return tally.failures.map(({ subscriberId, userId, platform, reason, status, error }) => ({
    appId,
    type: 'notification.failed',
    occurredAt,
    data: {
      notification_id: id,
      app_id: appId,
      subscriber_id: subscriberId,
      user_id: userId,
      platform,
      reason,
      status,
      failure_reason: error,
    },
  }))
}
