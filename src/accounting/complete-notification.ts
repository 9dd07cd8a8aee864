import type { Deps } from '../deps.ts'
import { emitEvent } from '../events/emit-event.ts'
import { finishNotification, type NotificationProgress } from '../notifications/progress-store.ts'
import type { Trx } from '../platform/db.ts'

/** A notification that has just ended. */
export interface CompletedNotification extends NotificationProgress {
  status: 'sent' | 'failed'
}

/**
 * Ends a notification whose last batch was counted, and publishes `notification.sent`, in the caller's transaction.
 * It is `failed` when there was somebody to reach and nobody was.
 *
 * @param failureReason why, in words, should nobody have been reached
 */
export async function completeNotification(
  trx: Trx,
  deps: Pick<Deps, 'queue' | 'clock'>,
  progress: NotificationProgress,
  failureReason: string | null,
): Promise<CompletedNotification> {
  const now = deps.clock.now()
  const status = progress.sentCount === 0 && progress.failedCount > 0 ? 'failed' : 'sent'
  await finishNotification(trx, progress.appId, progress.id, {
    status,
    failureReason: status === 'failed' ? failureReason : null,
    now,
  })
  await emitEvent(trx, deps, {
    appId: progress.appId,
    type: 'notification.sent',
    occurredAt: now,
    data: {
      notification_id: progress.id,
      app_id: progress.appId,
      title: progress.title,
      sent_count: progress.sentCount,
      failed_count: progress.failedCount,
    },
  })
  return { ...progress, status }
}

/** One line and one count per notification; call it once the transaction has committed. */
export function reportCompletion(
  deps: Pick<Deps, 'log' | 'metrics'>,
  completed: CompletedNotification,
): void {
  deps.metrics.notifications.inc({ status: completed.status })
  deps.log.info(
    {
      appId: completed.appId,
      notificationId: completed.id,
      status: completed.status,
      total: completed.totalCount,
      sent: completed.sentCount,
      failed: completed.failedCount,
    },
    'notification.completed',
  )
}
