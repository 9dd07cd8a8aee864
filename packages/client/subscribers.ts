import type { Api } from './api.ts'
import type { RegisterSubscriberRequest, SubscriberBatchRow } from './api-types.ts'
import { type Batch, toBatch } from './batch.ts'
import type { RequestOptions } from './options.ts'
import type { Body, Query } from './route-types.ts'

/** The service's limits for one request, minus the bytes of the JSON around the rows. */
const limits = { rows: 1_000, bytes: 8 * 1_048_576 - 100 }

/** Subscribers: browsers and devices that receive pushes. */
export function createSubscribers(api: Api) {
  return {
    list: (appId: string, query?: Query<'GET /push/apps/{app_id}/subscribers'>, options?: RequestOptions) =>
      api.list('GET /push/apps/{app_id}/subscribers', [appId], query, options),

    /** Registers a device. A known token updates its subscriber. */
    register: (appId: string, body: RegisterSubscriberRequest, options?: RequestOptions) =>
      api.call('POST /push/apps/{app_id}/subscribers', [appId], { body }, options),

    /**
     * Registers any number of devices, up to 1,000 per request. Each has its own result: check every `status`.
     * Each request's key is `idempotencyKey` followed by `-0`, `-1`, ….
     */
    registerBatch: (
      appId: string,
      rows: Iterable<RegisterSubscriberRequest> | AsyncIterable<RegisterSubscriberRequest>,
      options?: RequestOptions,
    ): Batch<SubscriberBatchRow> =>
      toBatch(rows, limits, options, (subscribers, each) =>
        api.call('POST /push/apps/{app_id}/subscribers/batch', [appId], { body: { subscribers } }, each),
      ),

    read: (appId: string, subscriberId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}/subscribers/{subscriber_id}', [appId, subscriberId], {}, options),

    /** Changes the given fields only. */
    update: (
      appId: string,
      subscriberId: string,
      body: Body<'PATCH /push/apps/{app_id}/subscribers/{subscriber_id}'>,
      options?: RequestOptions,
    ) =>
      api.call(
        'PATCH /push/apps/{app_id}/subscribers/{subscriber_id}',
        [appId, subscriberId],
        { body },
        options,
      ),

    delete: (appId: string, subscriberId: string, options?: RequestOptions) =>
      api.call('DELETE /push/apps/{app_id}/subscribers/{subscriber_id}', [appId, subscriberId], {}, options),

    /** Opts a subscriber out. Nothing is pushed to it until it registers again. */
    unsubscribe: (appId: string, subscriberId: string, options?: RequestOptions) =>
      api.call(
        'POST /push/apps/{app_id}/subscribers/{subscriber_id}/unsubscribe',
        [appId, subscriberId],
        {},
        options,
      ),
  }
}
