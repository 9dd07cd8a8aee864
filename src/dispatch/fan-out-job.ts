import { completeNotification, reportCompletion } from '../accounting/complete-notification.ts'
import { holdApp } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { beginFanOut, recordFanOut } from '../notifications/progress-store.ts'
import { type FanOut, fanOut, sendBatch } from '../pipeline.ts'
import type { Trx } from '../platform/db.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { audienceCondition } from '../subscribers/targeting.ts'
import { cutAudience } from './batch-store.ts'

/** What bounds the memory of a worker: it holds one batch per slot. */
export const batchSize = 1_000

type FanOutDeps = Pick<Deps, 'db' | 'queue' | 'clock' | 'log' | 'metrics'>

/**
 * FanOut → batches and their SendBatch messages, in one transaction with the job's end. An audience of nobody
 * completes the notification on the spot.
 */
export async function runFanOut(deps: FanOutDeps, job: ClaimedJob<FanOut>): Promise<void> {
  const startedAt = performance.now()
  const cut = await deps.db.transaction().execute((trx) => cutIntoBatches(trx, deps, job))
  if (!cut) return
  const { batches, subscribers, completed } = cut
  deps.log.info(
    { ...job.message, batches, subscribers, ms: Math.round(performance.now() - startedAt) },
    'notification.fanned_out',
  )
  if (completed) reportCompletion(deps, completed)
}

async function cutIntoBatches(trx: Trx, deps: FanOutDeps, job: ClaimedJob<FanOut>) {
  const { appId, notificationId } = job.message
  const settled = await deps.queue.settle(trx, fanOut, [job])
  if (!settled.has(job.id) || !(await holdApp(trx, appId))) return undefined
  const notification = await beginFanOut(trx, appId, notificationId)
  if (!notification) return undefined
  const { batches, subscribers } = await cutAudience(
    trx,
    { appId, id: notificationId },
    audienceCondition(notification.targeting),
    batchSize,
  )
  const progress = await recordFanOut(trx, appId, notificationId, batches, subscribers, deps.clock.now())
  const messages = Array.from({ length: batches }, (_, number) => ({
    message: { appId, notificationId, number, attempt: 1 },
  }))
  await deps.queue.enqueue(trx, sendBatch, messages)
  const completed = batches === 0 ? await completeNotification(trx, deps, progress, null) : undefined
  return { batches, subscribers, completed }
}
