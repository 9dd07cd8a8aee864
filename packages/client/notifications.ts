import type { Api } from './api.ts'
import type { CreateNotificationRequest, Notification, NotificationBatchRow } from './api-types.ts'
import { type Batch, toBatch } from './batch.ts'
import type { RequestOptions } from './options.ts'
import type { Query } from './route-types.ts'
import { type WaitOptions, waitUntilSent } from './wait.ts'

/** The service's limits for one request, minus the bytes of the JSON around the rows. */
const limits = { rows: 100, bytes: 8 * 1_048_576 - 100 }

/** Notifications: messages that are pushed to an audience of subscribers. */
export function createNotifications(api: Api) {
  const read = (appId: string, notificationId: string, options?: RequestOptions) =>
    api.call('GET /push/apps/{app_id}/notifications/{notification_id}', [appId, notificationId], {}, options)
  return {
    list: (appId: string, query?: Query<'GET /push/apps/{app_id}/notifications'>, options?: RequestOptions) =>
      api.list('GET /push/apps/{app_id}/notifications', [appId], query, options),

    /** Sends a notification. Retries cannot send it twice: they share one `Idempotency-Key`. */
    create: (appId: string, body: CreateNotificationRequest, options?: RequestOptions) =>
      api.call('POST /push/apps/{app_id}/notifications', [appId], { body }, options),

    /**
     * Sends any number of notifications, up to 100 per request. Each has its own result: check every `status`.
     * Each request's key is `idempotencyKey` followed by `-0`, `-1`, ….
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
     * Waits until a notification is sent: the outcome of every push is known, and `stats` counts the outcomes.
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
