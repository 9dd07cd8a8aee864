import { z } from 'zod'
import { eventDocs, eventTypeField } from '../../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../../platform/clock.ts'
import {
  createdAt,
  defineShape,
  groupedBy,
  idField,
  idOf,
  one,
  pageOf,
  timeOf,
  timestampField,
} from '../../platform/http/answers.ts'
import type { LoggedAttempt, LoggedDelivery } from './delivery-log-store.ts'

/** A delivery as the API shows it. */
export function presentDelivery(delivery: LoggedDelivery) {
  return {
    id: delivery.id,
    webhook_id: delivery.webhookId,
    event_id: delivery.eventId,
    event: delivery.eventType,
    status: delivery.status,
    attempt_count: delivery.attemptCount,
    next_attempt_at: toTimestampOrNull(delivery.nextAttemptAt),
    replay_id: delivery.replayId,
    created_at: toTimestamp(delivery.createdAt),
    finished_at: toTimestampOrNull(delivery.finishedAt),
    last_attempt: delivery.startedAt && {
      started_at: toTimestamp(delivery.startedAt),
      duration_ms: delivery.durationMs!,
      status: delivery.responseStatus,
      error: delivery.error,
      reason: delivery.reason,
    },
  }
}

/** An attempt as the API shows it. */
export function presentAttempt(attempt: LoggedAttempt) {
  return {
    id: attempt.id,
    number: attempt.number,
    started_at: toTimestamp(attempt.startedAt),
    duration_ms: attempt.durationMs,
    status: attempt.responseStatus,
    error: attempt.error,
    reason: attempt.reason,
    response_body: attempt.responseBody,
  }
}

/** A delivery with its event's body and its attempts. @param body null: the event is past the retention */
export function presentLoggedDelivery(delivery: LoggedDelivery, body: unknown, attempts: LoggedAttempt[]) {
  return { ...presentDelivery(delivery), body, attempts: attempts.map(presentAttempt) }
}

/** Why an attempt failed, in one word. */
const errorField = z
  .enum(['timeout', 'dns', 'connect', 'tls', 'refused_address', 'status', 'protocol', 'aborted'])
  .meta({
    id: 'AttemptError',
    description:
      '`status`: the answer was not a 2xx; `timeout`: no complete answer in time; `dns`: the host name has no address; `connect`: the connection failed or broke; `tls`: TLS or the certificate failed; `refused_address`: the URL leads to an address that is not allowed; `protocol`: the answer is not valid HTTP; `aborted`: the service broke the attempt off.',
  })
  .nullable()
  .describe('Why it failed; null: it succeeded.')

/** The result of an attempt, in the log and in a test delivery. */
export const attemptFields = {
  status: z.int().nullable().describe('The HTTP status of the answer; null: there was none.'),
  duration_ms: z.int().meta({ minimum: 0, description: 'How long it took, in milliseconds.' }),
  error: errorField as z.ZodType<string | null>,
  reason: z.string().nullable().describe('Why there was no answer, in words; null: there was one.'),
  response_body: z.string().nullable().describe('The first 1 KiB of the answer; null: there was none.'),
}

const event = eventDocs['notification.sent'].example

export const deliveryStatusField = z.enum(['pending', 'succeeded', 'failed', 'canceled']).meta({
  id: 'DeliveryStatus',
  description:
    '`pending`: to be attempted, at `next_attempt_at` or as soon as there is room; `succeeded`: answered with a 2xx; `failed`: given up; `canceled`: its webhook was disabled or deleted, or its replay canceled.',
})

const { status, duration_ms, error, reason, response_body } = attemptFields
const startedAttempt = { started_at: timeOf('When it started, in UTC.'), duration_ms, status, error, reason }

const deliveryFields = {
  id: idOf('delivery'),
  webhook_id: idOf('webhook'),
  event_id: idOf('event').describe("The event's id, which the receiver gets as `webhook-id`."),
  event: eventTypeField as z.ZodType<string>,
  status: deliveryStatusField,
  attempt_count: z.int().meta({ minimum: 0, description: 'Attempts so far.' }),
  next_attempt_at: timeOf('When it is attempted next, in UTC.')
    .nullable()
    .describe('When it is attempted next; null: as soon as there is room, or not again.'),
  replay_id: idField.nullable().describe('The replay that created it; null: none did.'),
  created_at: createdAt,
  finished_at: timestampField
    .nullable()
    .describe('When it succeeded, failed or was canceled; null: it is pending.'),
  last_attempt: z
    .object(startedAttempt)
    .meta({ id: 'LastAttempt', description: 'The last attempt of a delivery.' })
    .nullable()
    .describe('The last attempt; null: there was none yet.'),
}

const lastAttempt = {
  started_at: '2026-06-01T08:07:18Z',
  duration_ms: 41,
  status: 204,
  error: null,
  reason: null,
}

const exampleDelivery = {
  id: '01996d62-d0e7-7a31-8c55-0e9f1a2b3c4d',
  webhook_id: '01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42',
  event_id: event.id,
  event: event.event as string,
  status: 'succeeded' as const,
  attempt_count: 2,
  next_attempt_at: null,
  replay_id: null,
  created_at: '2026-06-01T08:07:01Z',
  finished_at: '2026-06-01T08:07:18Z',
  last_attempt: lastAttempt,
}

export const deliveryShape = defineShape<ReturnType<typeof presentDelivery>>(
  'Delivery',
  z.object(deliveryFields).describe('An event on its way to one webhook.'),
  exampleDelivery,
)

export const loggedDeliveryShape = defineShape<ReturnType<typeof presentLoggedDelivery>>(
  'LoggedDelivery',
  z
    .object({
      ...deliveryFields,
      body: z.unknown().describe('The event as it is sent; null: it is no longer stored.'),
      attempts: z
        .array(
          z
            .object({
              id: idField.describe("The attempt's id, which the receiver gets as `x-krafter-webhook-id`."),
              number: z.int().meta({ minimum: 1, description: 'The first attempt is 1.' }),
              ...startedAttempt,
              response_body,
            })
            .meta({ id: 'Attempt', description: 'One request to the webhook, and its answer.' }),
        )
        .describe('Every attempt, first to last.'),
    })
    .describe('A delivery with its body and every attempt.'),
  {
    ...exampleDelivery,
    body: event,
    attempts: [
      {
        id: '5f0f3a0e-6a5b-4c1d-9e8f-7a6b5c4d3e2f',
        number: 1,
        started_at: '2026-06-01T08:07:01Z',
        duration_ms: 12,
        status: 503,
        error: 'status',
        reason: null,
        response_body: 'try later',
      },
      { id: 'c2a1b0f9-e8d7-4c6b-8a59-483726150f4e', number: 2, ...lastAttempt, response_body: null },
    ],
  },
)

/** The OpenAPI description of the delivery log. */
export const deliveryLogDocs = groupedBy('deliveries', {
  list: {
    operationId: 'listDeliveries',
    summary: 'List the deliveries to a webhook, newest first',
    description: 'Deliveries are stored as long as events are: `KRAFTER_RETENTION_DAYS`.',
    answers: { 200: pageOf(deliveryShape, 'A page of deliveries.') },
  },
  read: {
    operationId: 'readDelivery',
    summary: 'Read a delivery with its body and every attempt',
    answers: { 200: one(loggedDeliveryShape, 'The delivery.') },
  },
})
