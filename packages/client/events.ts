import type { Api } from './api.ts'
import { UnexpectedAnswerError } from './errors.ts'
import { type Following, type FollowOptions, toFollowing } from './follow.ts'
import type { RequestOptions } from './options.ts'
import type { Query } from './route-types.ts'

/** Events: they record what happened in an app, and webhooks receive them. */
export function createEvents(api: Api, maxRetries: number) {
  return {
    list: (appId: string, query?: Query<'GET /push/apps/{app_id}/events'>, options?: RequestOptions) =>
      api.list('GET /push/apps/{app_id}/events', [appId], query, options),

    /** One event with its deliveries. */
    read: (appId: string, eventId: string, options?: RequestOptions) =>
      api.call('GET /push/apps/{app_id}/events/{event_id}', [appId, eventId], {}, options),

    /**
     * The events of an app as they happen, each once:
     * `for await (const event of krafter.events.follow(appId)) …`. After a cut, the stream reopens where it ended.
     *
     * The loop throws when the service refuses the stream, or cannot be reached when the stream is first opened.
     */
    follow: (appId: string, options: FollowOptions = {}): Following => {
      const open = async (lastEventId: string | undefined, signal: AbortSignal) => {
        const route = 'GET /push/apps/{app_id}/events/stream'
        const headers = {
          accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        }
        const query = { event: options.events?.join(',') }
        const response = await api.open(route, [appId], { query, headers }, { ...options, signal })
        if (response.headers.get('content-type')?.startsWith('text/event-stream')) return response
        throw new UnexpectedAnswerError('unexpected_answer', `GET ${appId}/events/stream`, {
          status: response.status,
          error: 'no stream of events: is this the url of a Krafter Push service?',
          details: undefined,
          retryAfter: undefined,
          requestId: undefined,
        })
      }
      return toFollowing(open, options.maxRetries ?? maxRetries, options)
    },
  }
}
