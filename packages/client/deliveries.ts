import type { Api } from './api.ts'
import type { RequestOptions } from './options.ts'
import type { Query } from './route-types.ts'

/** Deliveries: an event on its way to a webhook, with its attempts. */
export function createDeliveries(api: Api) {
  return {
    list: (
      appId: string,
      webhookId: string,
      query?: Query<'GET /push/apps/{app_id}/webhooks/{webhook_id}/deliveries'>,
      options?: RequestOptions,
    ) =>
      api.list(
        'GET /push/apps/{app_id}/webhooks/{webhook_id}/deliveries',
        [appId, webhookId],
        query,
        options,
      ),

    /** One delivery with its body and every attempt. */
    read: (appId: string, webhookId: string, deliveryId: string, options?: RequestOptions) =>
      api.call(
        'GET /push/apps/{app_id}/webhooks/{webhook_id}/deliveries/{delivery_id}',
        [appId, webhookId, deliveryId],
        {},
        options,
      ),

    /** Delivers the event again, as a new delivery. */
    replay: (appId: string, webhookId: string, deliveryId: string, options?: RequestOptions) =>
      api.call(
        'POST /push/apps/{app_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay',
        [appId, webhookId, deliveryId],
        {},
        options,
      ),
  }
}
