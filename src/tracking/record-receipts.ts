import { emitEvents, type NewEvent } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { addReceiptCounts, lockNotifications } from '../notifications/notification-store.ts'
import { dayMs, toTimestamp } from '../platform/clock.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { firstIdOf } from '../platform/ids.ts'
import { type KnownSubscriber, readSubscribers } from '../subscribers/audience-store.ts'
import { markSeen } from '../subscribers/subscriber-store.ts'
import { insertReceipts } from './receipt-store.ts'
import type { ReceiptKind, Report } from './report.ts'

/** A report of an existing push, with the push's subscriber. */
interface KnownReport extends Report {
  subscriber: KnownSubscriber
}

/**
 * Records reports from devices in one transaction. The first report of each kind for a push creates a receipt, a count
 * on the notification and an event. Other reports change nothing: repeated ones, those about a notification older than
 * the retention, and those whose notification or subscriber is gone or whose subscriber is now another user's.
 *
 * @returns how many reports were counted
 */
export async function recordReceipts(
  deps: Pick<Deps, 'db' | 'clock' | 'config'>,
  reports: readonly Report[],
): Promise<Record<ReceiptKind, number>> {
  const keptSince = firstIdOf(new Date(deps.clock.now().getTime() - deps.config.retentionDays * dayMs))
  const kept = reports.filter(({ notificationId }) => notificationId >= keptSince)
  if (kept.length === 0) return { delivered: 0, clicked: 0 }
  return deps.db.transaction().execute(async (trx) => {
    const known = await findKnown(trx, kept)
    const [delivered, clicked] = await pipelined([
      insertReceipts(trx, 'delivered', firstOfEach(known, 'delivered')),
      insertReceipts(trx, 'clicked', firstOfEach(known, 'clicked')),
    ])
    const counted = [...delivered, ...clicked]
    if (counted.length > 0) {
      await addReceiptCounts(trx, countByNotification(counted))
      await markSeen(trx, counted, deps.clock.now())
      await emitEvents(trx, counted.map(receiptEvent))
    }
    return { delivered: delivered.length, clicked: clicked.length }
  })
}

/** Locks apps and then notifications, always in this order, so that two processes never wait for each other. Reports of
 * apps that are being deleted are dropped. */
async function findKnown(trx: Trx, reports: readonly Report[]): Promise<KnownReport[]> {
  const [notifications, subscribers] = await pipelined([
    lockNotifications(trx, reports, 'skip locked'),
    readSubscribers(trx, reports),
  ])
  return reports.flatMap((report) => {
    const subscriber = subscribers.get(report.subscriberId)
    const isAbout = subscriber?.userEpoch === report.userEpoch && notifications.has(report.notificationId)
    return isAbout ? [{ ...report, subscriber }] : []
  })
}

function firstOfEach(reports: readonly KnownReport[], kind: ReceiptKind): KnownReport[] {
  const first = new Map<string, KnownReport>()
  for (const report of reports) {
    if (report.kind === kind) getOrInsert(first, report.notificationId + report.subscriberId, () => report)
  }
  return [...first.values()]
}

function countByNotification(reports: readonly KnownReport[]) {
  return [...Map.groupBy(reports, ({ notificationId }) => notificationId).values()].map((ofOne) => ({
    appId: ofOne[0]!.appId,
    id: ofOne[0]!.notificationId,
    delivered: ofOne.filter(({ kind }) => kind === 'delivered').length,
    clicked: ofOne.filter(({ kind }) => kind === 'clicked').length,
  }))
}

function receiptEvent({ kind, appId, notificationId, subscriberId, subscriber, at, action }: KnownReport) {
  const data = {
    notification_id: notificationId,
    app_id: appId,
    subscriber_id: subscriberId,
    user_id: subscriber.userId,
    platform: subscriber.platform,
    at: toTimestamp(at),
  }
  const event: NewEvent =
    kind === 'delivered'
      ? { appId, type: 'notification.delivered', occurredAt: at, data }
      : { appId, type: 'notification.clicked', occurredAt: at, data: { ...data, ...(action && { action }) } }
  return event
}
