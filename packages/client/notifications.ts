import type { Api } from './api.ts'
import type { CreateNotificationRequest, Notification, NotificationBatchRow } from './api-types.ts'
import { type Batch, toBatch } from './batch.ts'
import type { RequestOptions } from './options.ts'
import type { Query } from './route-types.ts'
import { type WaitOptions, waitUntilSent } from './wait.ts'

/** As the service takes them, less the brackets around the rows. */
const limits = { rows: 100, bytes: 8 * 1_048_576 - 100 }

/** Notifications: what is pushed to an audience of subscribers. */
export function createNotifications(api: Api) {
  const read = (appId: string, notificationId: string, options?: RequestOptions) =>
    api.call('GET /push/apps/{app_id}/notifications/{notification_id}', [appId, notificationId], {}, options)
  return {
    list: (appId: string, query?: Query<'GET /push/apps/{app_id}/notifications'>, options?: RequestOptions) =>
      api.list('GET /push/apps/{app_id}/notifications', [appId], query, options),

    /** Sends a notification. Sending it twice by accident is ruled out: its retries have one `Idempotency-Key`. */
    create: (appId: string, body: CreateNotificationRequest, options?: RequestOptions) =>
      api.call('POST /push/apps/{app_id}/notifications', [appId], { body }, options),

    /**
     * Sends any number of notifications, 100 in a request. Each has a result of its own: look at every `status`.
     * `idempotencyKey` is extended by `-0`, `-1`, … for each request.
     */
    createBatch: (
      appId: string,
      rows: Iterable<CreateNotificationRequest> | AsyncIterable<CreateNotificationRequest>,
      options?: RequestOptions,
    ): Batch<NotificationBatchRow> =>
      toBatch(rows, limits, options, (notifications, each) =>
        api.call('POST /push/apps/{app_id}/notifications/batch', [appId], { body: { notifications } }, each),
      ),

    read,

    /**
     * Waits until a notification is sent: every push has its outcome, and `stats` counts them.
     *
     * @throws NotSentError when it failed, was canceled, or is a draft
     * @throws TimeoutError when it is not sent in time
     */
    waitUntilSent: (
      appId: string,
      notificationId: string,
      options: WaitOptions = {},
    ): Promise<Notification> =>
      waitUntilSent(() => read(appId, notificationId, { ...options, timeoutMs: undefined }), options),
  }
}
