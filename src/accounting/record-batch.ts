import { holdApp } from '../apps/app-store.ts'
import type { Deps } from '../deps.ts'
import { addRetryBatch, closeBatch } from '../dispatch/batch-store.ts'
import { emitEvents, type NewEvent } from '../events/emit-event.ts'
import { recordBatchCounts } from '../notifications/progress-store.ts'
import { type SendBatch, sendBatch } from '../pipeline.ts'
import type { Trx } from '../platform/db.ts'
import type { ClaimedJob } from '../platform/queue.ts'
import { invalidateSubscribers } from '../subscribers/invalidate.ts'
import { clearKeyRefusals, recordKeyRefusals } from '../subscribers/key-refusal-store.ts'
import type { AudienceShift } from './audience-shift.ts'
import { type CompletedNotification, completeNotification } from './complete-notification.ts'
import type { KeyFindings } from './key-findings.ts'
import type { Failure, Tally } from './tally.ts'

/**
 * Accounts a sent batch in one transaction: the job's end, the counters, the tokens that are gone, a new batch for
 * each group to be tried again, an event for each subscriber given up, and, when it was the last, the notification's
 * end and its event.
 *
 * @param retryReason why pushes are tried again, in words
 * @returns `recorded` false when the batch had been accounted before (its claim lapsed meanwhile) or its app is gone;
 *   nothing is changed then. `completed` when it was the notification's last.
 */
export async function recordBatch(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  job: ClaimedJob<SendBatch>,
  tally: Tally,
  shift: AudienceShift,
  keys: KeyFindings,
  retryReason: string | null,
): Promise<{ recorded: boolean; completed?: CompletedNotification }> {
  const { appId, notificationId, attempt } = job.message
  return deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    const settled = await deps.queue.settle(trx, sendBatch, [job])
    if (!settled.has(job.id) || !(await holdApp(trx, appId))) return { recorded: false }
    if (!(await closeBatch(trx, job.message, tally, now))) return { recorded: false }

    await invalidateSubscribers(trx, appId, tally.gone, now)
    await recordKeyRefusals(trx, appId, keys.refused, now)
    await clearKeyRefusals(trx, appId, keys.reached)
    const progress = await recordBatchCounts(
      trx,
      appId,
      notificationId,
      { sent: tally.sent, failed: tally.failed, ...shift, addedBatches: tally.retries.length, retryReason },
      now,
    )
    const firstNumber = progress.totalBatches - tally.retries.length
    await addRetries(trx, deps, { appId, notificationId, firstNumber, attempt: attempt + 1 }, tally.retries)
    await emitEvents(trx, deps, failureEvents(job.message, tally.failures, now))
    if (progress.completedBatches < progress.totalBatches) return { recorded: true }
    return { recorded: true, completed: await completeNotification(trx, deps, progress, tally.firstError) }
  })
}

function failureEvents(
  { appId, notificationId }: SendBatch,
  failures: readonly Failure[],
  occurredAt: Date,
): NewEvent[] {
  return failures.map(({ subscriberId, userId, platform, reason, status, error }) => ({
    appId,
    type: 'notification.failed',
    occurredAt,
    data: {
      notification_id: notificationId,
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

async function addRetries(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  batch: { appId: string; notificationId: string; firstNumber: number; attempt: number },
  retries: Tally['retries'],
): Promise<void> {
  const { appId, notificationId, firstNumber, attempt } = batch
  for (const [index, { delaySeconds, subscriberIds }] of retries.entries()) {
    const number = firstNumber + index
    await addRetryBatch(trx, { appId, notificationId, number }, attempt, subscriberIds)
    await deps.queue.enqueue(trx, sendBatch, [
      { delaySeconds, message: { appId, notificationId, number, attempt, subscriberIds } },
    ])
  }
}
