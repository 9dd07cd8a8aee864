import { holdApp } from '../apps/app-lock-store.ts'
import { emitEvents } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { lockNotifications, saveProgress } from '../notifications/notification-store.ts'
import { priorityOf, rankOf } from '../notifications/rank.ts'
import { takenSince } from '../platform/traces/traces.ts'
import { audienceCondition } from '../subscribers/targeting.ts'
import { cutAudience, insertBatches } from './batch-store.ts'
import { completion, reportCompletion } from './complete-notification.ts'
import type { DueNotification } from './due-store.ts'
import { resolveSpan } from './sending-spans.ts'

/** Subscribers per page; this bounds the memory of a worker. */
export const batchSize = 1_000

type CutDeps = Pick<Deps, 'db' | 'clock' | 'log' | 'metrics' | 'traces'>

/** Cuts the audience of a notification into batches, in one transaction. An empty audience completes it at once. */
export async function cutNotification(deps: CutDeps, notification: DueNotification): Promise<void> {
  const startedAt = performance.now()
  const { appId, id } = notification
  const cut = await deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    if (!(await holdApp(trx, appId))) return undefined
    const progress = (await lockNotifications(trx, [{ appId, notificationId: id }])).get(id)
    if (!progress?.isUnresolved || progress.status !== 'sending') return undefined
    const { ranges, subscribers } = await cutAudience(
      trx,
      appId,
      audienceCondition(notification.targeting),
      batchSize,
    )
    const batches = ranges.map((range, number) => ({
      ...range,
      appId,
      notificationId: id,
      number,
      attempt: 1,
      rank: rankOf(priorityOf(notification.rank), false),
      dueAt: now,
      subscriberIds: null,
    }))
    const after = { ...progress, totalCount: subscribers, totalBatches: batches.length, isUnresolved: false }
    const completed = batches.length === 0 ? completion(after, null) : undefined
    await saveProgress(trx, [completed?.progress ?? { ...after, failureReason: null }], now)
    await insertBatches(trx, batches)
    if (completed) await emitEvents(trx, [completed.event(now)])
    return { batches: batches.length, subscribers, completed }
  })
  if (!cut) return
  const { batches, subscribers, completed } = cut
  const taken = takenSince(deps.clock, startedAt)
  const ms = Math.round(taken.durationMs)
  deps.log.info({ appId, notificationId: id, batches, subscribers, ms }, 'notification.fanned_out')
  deps.traces?.record(resolveSpan(notification, taken, subscribers, batches))
  if (completed) reportCompletion(deps, completed)
}
