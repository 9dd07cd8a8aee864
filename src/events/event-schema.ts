import { z } from 'zod'
import { idOf, timeOf } from '../platform/http/answers.ts'
import { quote } from '../platform/http/fields.ts'
import { describedAs } from '../platform/openapi/components.ts'
import { catalog, type EventData, type EventType, eventTypes } from './catalog.ts'

/** The documentation of an event, for openapi.json and docs/reference/events.md. */
interface EventDocs<Type extends EventType = EventType> {
  when: string
  /** A complete body as sent. */
  example: { id: string; event: Type; timestamp: string; data: EventData<Type> }
}

const timestamp = '2026-06-01T08:07:01Z'
const subscriber = {
  app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
  subscriber_id: '01996d61-77d0-7c35-b1f4-90a3e2d6c853',
  user_id: 'user-1',
  platform: 'web' as const,
}
const push = { notification_id: '01996d62-b8f1-7d20-a3c6-41e5f7082d94', ...subscriber }

/** When each event is emitted, and an example of its `data`. */
const samples: { [Type in EventType]: { when: string; data: EventData<Type> } } = {
  'notification.sent': {
    when: 'Once per notification, when its fan-out has completed, whether it reached anybody or not.',
    data: {
      notification_id: push.notification_id,
      app_id: push.app_id,
      title: 'On its way',
      sent_count: 1203,
      failed_count: 1,
      pending_count: 0,
    },
  },
  'notification.delivered': {
    when: 'A device reports that it received the notification.',
    data: { ...push, at: timestamp },
  },
  'notification.clicked': {
    when: 'A device reports a click on the notification, or on the action that it names.',
    data: { ...push, at: timestamp, action: 'track' },
  },
  'notification.failed': {
    when: 'A push to a subscriber failed for good.',
    data: {
      ...push,
      reason: 'gone',
      status: 410,
      failure_reason: 'the push service answered 410: the subscription is gone',
    },
  },
  'subscriber.registered': { when: 'A subscriber is new, or active again.', data: subscriber },
  'subscriber.unsubscribed': { when: 'A subscriber opted out or was deleted.', data: subscriber },
  'webhook.disabled': {
    when: 'Another webhook of the app was disabled, because its attempts failed for long or its receiver answered 410.',
    data: {
      app_id: subscriber.app_id,
      webhook_id: '01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42',
      url: 'https://shop.example/hooks/krafter',
      reason: '12 attempts in a row failed since 2026-06-01T07:05:00.000Z',
      failure_count: 12,
    },
  },
}

export const eventDocs = Object.fromEntries(
  Object.entries(samples).map(([event, { when, data }]) => [
    event,
    { when, example: { id: '01996d62-d0e7-7f18-95ab-c3d2e4f60718', event, timestamp, data } },
  ]),
) as unknown as { [Type in EventType]: EventDocs<Type> }

/** Schemas of the complete event bodies that receivers get. */
const eventSchemas = Object.fromEntries(
  Object.entries(catalog).map(([type, data]) => [type, bodySchema(type as EventType, data)]),
) as { [Type in EventType]: ReturnType<typeof bodySchema<Type>> }

/** `notification.sent` → `NotificationSentEvent`, with `NotificationSentData` in it. */
function bodySchema<Type extends EventType>(type: Type, data: (typeof catalog)[Type]) {
  const name = type.replaceAll(/(?:^|\.)(\w)/g, (_, letter: string) => letter.toUpperCase())
  return (
    z
      .object({
        id: idOf('event').describe("The event's id, the same on every attempt: drop duplicates by it."),
        event: z.literal(type).describe('The name of the event.'),
        timestamp: timeOf('When it happened, in UTC.'),
        data: data.meta({
          id: `${name}Data`,
          description: `What a \`${type}\` event says.`,
        }) as unknown as z.ZodType<EventData<Type>>,
      })
      // The log shows events with more fields.
      .meta({ id: `${name}Event`, description: eventDocs[type].when, unevaluatedProperties: true })
  )
}

/** The body of any event. */
export const anyEventSchema = z
  .discriminatedUnion('event', Object.values(eventSchemas) as unknown as [(typeof eventSchemas)[EventType]])
  .describe('Something that happened in an app, as webhooks receive it.')

export const eventTypeField = z
  .enum(eventTypes)
  .meta({ id: 'EventType', description: 'The name of an event. Later versions may have more.' })

/** An event named by a request, with the service's own error message. */
export const knownEvent = z
  .enum(eventTypes, { error: ({ input }) => `has an unknown event: ${quote(input)}` })
  .meta(describedAs('EventType'))

const header = (name: string, description: string, required = true) => ({
  in: 'header',
  name,
  description,
  required,
  schema: { type: 'string' },
})

/**
 * Describes the deliveries of events, as OpenAPI 3.1 describes requests that a service sends.
 *
 * @param describe converts a schema to JSON Schema
 */
export function eventRequests(
  describe: (schema: z.ZodType) => Record<string, unknown>,
): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(eventDocs).map(([type, docs]) => [
      type,
      { post: describeDelivery(docs, describe(eventSchemas[type as EventType])) },
    ]),
  )
}

function describeDelivery(
  { when, example }: EventDocs,
  schema: Record<string, unknown>,
): Record<string, unknown> {
  return {
    operationId: example.event,
    summary: when,
    description: 'Sent to every enabled webhook of the app that names the event and whose filter matches it.',
    tags: ['events'],
    security: [],
    parameters: [
      header('x-krafter-event', "The event's name."),
      header('x-krafter-webhook-id', 'The id of the attempt, a UUID.'),
      header(
        'x-krafter-signature',
        '`sha256=` and the hexadecimal HMAC-SHA256 of the body; absent without a secret.',
        false,
      ),
      header('webhook-id', "The event's id, the same on every attempt: drop duplicates by it."),
      header('webhook-timestamp', 'When the attempt was made, in Unix seconds.'),
      header(
        'webhook-signature',
        'The signature of Standard Webhooks: `v1,` and base64; absent without a secret.',
        false,
      ),
    ],
    requestBody: { required: true, content: { 'application/json': { schema, example } } },
    responses: {
      '2XX': { description: 'Received. Redirects are not followed and count as failures.' },
      410: { description: 'The receiver is gone for good. The webhook is disabled at once.' },
      429: { description: 'Try again after the seconds in `retry-after`, an hour at most.' },
    },
  }
}
