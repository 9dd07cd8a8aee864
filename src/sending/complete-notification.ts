import type { NewEvent } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import type { NotificationProgress } from '../notifications/notification-store.ts'

/** A notification that ends now. */
export interface CompletedNotification {
  progress: NotificationProgress & { status: 'sent' | 'failed'; failureReason: string | null }
  /** Number of recipients still being tried. The notification does not wait for them. */
  pendingCount: number
  event(now: Date): NewEvent
}

/**
 * Ends a notification. It is `failed` when pushes failed, nobody was reached, and nobody is still being tried.
 *
 * @param firstError why nobody was reached, in words; stored only when the status is `failed`
 */
export function completion(progress: NotificationProgress, firstError: string | null): CompletedNotification {
  const { appId, id, title, totalCount, sentCount, failedCount, skippedCount } = progress
  const pendingCount = Math.max(0, totalCount - sentCount - failedCount - skippedCount)
  const status = sentCount === 0 && failedCount > 0 && pendingCount === 0 ? 'failed' : 'sent'
  return {
    progress: { ...progress, status, failureReason: status === 'failed' ? firstError : null },
    pendingCount,
    event: (now) => ({
      appId,
      type: 'notification.sent',
      occurredAt: now,
      data: {
        notification_id: id,
        app_id: appId,
        title,
        sent_count: sentCount,
        failed_count: failedCount,
        pending_count: pendingCount,
      },
    }),
  }
}

/** Writes one log line and counts the notification. Call it once the transaction has committed. */
export function reportCompletion(
  deps: Pick<Deps, 'log' | 'metrics'>,
  { progress, pendingCount }: CompletedNotification,
): void {
  const { appId, id, status, totalCount, sentCount, failedCount, skippedCount } = progress
  deps.metrics.notifications.inc({ status })
  deps.log.info(
    {
      appId,
      notificationId: id,
      status,
      total: totalCount,
      sent: sentCount,
      failed: failedCount,
      skipped: skippedCount,
      pending: pendingCount,
    },
    'notification.completed',
  )
}
