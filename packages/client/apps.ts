import type { Api } from './api.ts'
import type { RequestOptions } from './options.ts'
import type { Body, Query } from './route-types.ts'

/** Apps: each has subscribers, notifications, webhooks and VAPID keys. */
export function createApps(api: Api) {
  return {
    list: (query?: Query<'GET /push/apps'>, options?: RequestOptions) =>
      api.list('GET /push/apps', [], query, options),

    /** Only this answer contains `vapid_private_key`. */
    create: (body: Body<'POST /push/apps'>, options?: RequestOptions) =>
      api.call('POST /push/apps', [], { body }, options),

    read: (appId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}', [appId], {}, options),

    /** Changes the given fields only. */
    update: (appId: string, body: Body<'PATCH /push/apps/{app_id}'>, options?: RequestOptions) =>
      api.call('PATCH /push/apps/{app_id}', [appId], { body }, options),

    /** Deletes an app and everything that belongs to it. */
    delete: (appId: string, options?: RequestOptions) =>
      api.call('DELETE /push/apps/{app_id}', [appId], {}, options),

    /**
     * Creates the secret with which backends sign users' identities, for browsers that register without a backend.
     * Signatures by the previous secret are accepted for a while.
     */
    rotateIdentitySecret: (
      appId: string,
      body: Body<'POST /push/apps/{app_id}/rotate-identity-secret'> = {},
      options?: RequestOptions,
    ) => api.call('POST /push/apps/{app_id}/rotate-identity-secret', [appId], { body }, options),
  }
}
