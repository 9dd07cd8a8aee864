import { z } from 'zod'
import type { RouteDocs } from '../../platform/http/answers.ts'
import { busyErrorSchema } from '../../platform/openapi/refusal-answers.ts'
import { eventDocs } from '../event-schema.ts'

const { example } = eventDocs['notification.sent']

/** The OpenAPI description of the event stream. */
export const streamDocs = {
  operationId: 'streamEvents',
  summary: 'Follow the events of an app as they happen',
  description:
    'Server-sent events: one message per event, whose `data` is the body that webhooks receive. After a disconnect, continue with `Last-Event-ID`: nothing after that event is lost, and events from up to 10 seconds before it may be repeated. A comment every 15 seconds shows that the stream is alive. While a stream is open, and for a minute after, the events of the app are stored even if no webhook names them.',
  tags: ['events'],
  takesHeaders: {
    'last-event-id':
      'The id of the last event received: continue after it. Takes precedence over `last_event_id`.',
  },
  answers: {
    200: {
      description: 'The events from now on, or after the given one.',
      content: {
        type: 'text/event-stream',
        schema: z.string(),
        example: `retry: 2000\nid: 01996d62-c3a5-7b1e-8f26-0a9b8c7d6e5f\n\nid: ${example.id}\nevent: ${example.event}\ndata: ${JSON.stringify(example)}\n\n`,
      },
    },
    503: {
      description:
        'The process has `KRAFTER_MAX_STREAMS` streams open (429: for the team, `KRAFTER_MAX_STREAMS_PER_TEAM`); `retry_after` is in seconds. Or the database is away, as for every other route.',
      content: {
        type: 'application/json',
        schema: busyErrorSchema,
        example: { error: 'Too many event streams are open', retry_after: 10 },
      },
    },
  },
} satisfies RouteDocs
