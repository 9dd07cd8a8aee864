import type { Api } from './api.ts'
import type { RequestOptions } from './options.ts'
import type { Body, Query } from './route-types.ts'

/** Replays: the events of a period, delivered to a webhook again. */
export function createReplays(api: Api) {
  return {
    list: (
      appId: string,
      webhookId: string,
      query?: Query<'GET /push/apps/{app_id}/webhooks/{webhook_id}/replays'>,
      options?: RequestOptions,
    ) =>
      api.list('GET /push/apps/{app_id}/webhooks/{webhook_id}/replays', [appId, webhookId], query, options),

    start: (
      appId: string,
      webhookId: string,
      body: Body<'POST /push/apps/{app_id}/webhooks/{webhook_id}/replay'>,
      options?: RequestOptions,
    ) =>
      api.call(
        'POST /push/apps/{app_id}/webhooks/{webhook_id}/replay',
        [appId, webhookId],
        { body },
        options,
      ),

    read: (appId: string, webhookId: string, replayId: string, options?: RequestOptions) =>
      api.call(
        'GET /push/apps/{app_id}/webhooks/{webhook_id}/replays/{replay_id}',
        [appId, webhookId, replayId],
        {},
        options,
      ),

    cancel: (appId: string, webhookId: string, replayId: string, options?: RequestOptions) =>
      api.call(
        'POST /push/apps/{app_id}/webhooks/{webhook_id}/replays/{replay_id}/cancel',
        [appId, webhookId, replayId],
        {},
        options,
      ),
  }
}
