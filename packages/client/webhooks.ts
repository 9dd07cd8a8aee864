import type { Api } from './api.ts'
import type { RequestOptions } from './options.ts'
import type { Body, Query } from './route-types.ts'

/** Webhooks: URLs to which an app's events are delivered. */
export function createWebhooks(api: Api) {
  return {
    list: (appId: string, query?: Query<'GET /push/apps/{app_id}/webhooks'>, options?: RequestOptions) =>
      api.list('GET /push/apps/{app_id}/webhooks', [appId], query, options),

    create: (appId: string, body: Body<'POST /push/apps/{app_id}/webhooks'>, options?: RequestOptions) =>
      api.call('POST /push/apps/{app_id}/webhooks', [appId], { body }, options),

    read: (appId: string, webhookId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}/webhooks/{webhook_id}', [appId, webhookId], {}, options),

    /** Changes the given fields only. */
    update: (
      appId: string,
      webhookId: string,
      body: Body<'PATCH /push/apps/{app_id}/webhooks/{webhook_id}'>,
      options?: RequestOptions,
    ) => api.call('PATCH /push/apps/{app_id}/webhooks/{webhook_id}', [appId, webhookId], { body }, options),

    delete: (appId: string, webhookId: string, options?: RequestOptions) =>
      api.call('DELETE /push/apps/{app_id}/webhooks/{webhook_id}', [appId, webhookId], {}, options),

    /** Delivers an example event now, and returns the request that was sent and the response to it. */
    test: (
      appId: string,
      webhookId: string,
      body: Body<'POST /push/apps/{app_id}/webhooks/{webhook_id}/test'> = {},
      options?: RequestOptions,
    ) =>
      api.call('POST /push/apps/{app_id}/webhooks/{webhook_id}/test', [appId, webhookId], { body }, options),

    /** Changes the secret. For a while, deliveries are signed with both the old and the new secret. */
    rotateSecret: (
      appId: string,
      webhookId: string,
      body: Body<'POST /push/apps/{app_id}/webhooks/{webhook_id}/rotate-secret'> = {},
      options?: RequestOptions,
    ) =>
      api.call(
        'POST /push/apps/{app_id}/webhooks/{webhook_id}/rotate-secret',
        [appId, webhookId],
        { body },
        options,
      ),

    /** How recent deliveries to the webhook went. */
    readHealth: (appId: string, webhookId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}/webhooks/{webhook_id}/health', [appId, webhookId], {}, options),
  }
}
