import type { Api } from './api.ts'
import type { RequestOptions } from './options.ts'
import type { Body, Query } from './route-types.ts'

/** Webhooks: where an app's events are delivered to. */
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

    /** Delivers an example event now, and answers with what was sent and what came back. */
    test: (
      appId: string,
      webhookId: string,
      body: Body<'POST /push/apps/{app_id}/webhooks/{webhook_id}/test'> = {},
      options?: RequestOptions,
    ) =>
      api.call('POST /push/apps/{app_id}/webhooks/{webhook_id}/test', [appId, webhookId], { body }, options),

    /** Changes the secret. Deliveries are signed with both secrets for a while. */
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

    /** How deliveries to it went lately. */
    readHealth: (appId: string, webhookId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}/webhooks/{webhook_id}/health', [appId, webhookId], {}, options),
  }
}
