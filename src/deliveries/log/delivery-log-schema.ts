import { z } from 'zod'
import { eventDocs, eventTypeField } from '../../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../../platform/clock.ts'
import {
  defineShape,
  idField,
  one,
  pageOf,
  type RouteDocs,
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

/** A delivery with all that is known of it. @param body null: the event is past the retention */
export function presentLoggedDelivery(delivery: LoggedDelivery, body: unknown, attempts: LoggedAttempt[]) {
  return { ...presentDelivery(delivery), body, attempts: attempts.map(presentAttempt) }
}

/** Why an attempt failed, in one word. */
const errorField = z
  .enum(['timeout', 'dns', 'connect', 'tls', 'refused_address', 'status', 'protocol', 'aborted'])
  .meta({ id: 'AttemptError' })
  .nullable()
  .meta({ description: 'Why it failed; `status`: the answer was no 2xx; null: it succeeded.' })

/** How an attempt went: here, and of a test. */
export const attemptFields = {
  status: z.int().nullable().meta({ description: 'HTTP status; null: no answer came.' }),
  duration_ms: z.int(),
  error: errorField as z.ZodType<string | null>,
  reason: z
    .string()
    .nullable()
    .meta({ description: 'Why no answer came, in words: see docs/receive/deliveries.md.' }),
  response_body: z.string().nullable().meta({ description: 'The first 1 KiB of the answer.' }),
}

const event = eventDocs['notification.sent'].example

export const deliveryStatusField = z
  .enum(['pending', 'succeeded', 'failed', 'canceled'])
  .meta({ id: 'DeliveryStatus' })

const deliveryFields = {
  id: idField,
  webhook_id: idField,
  event_id: idField.meta({ format: 'uuid', description: "The event's id, the receiver's `webhook-id`." }),
  event: eventTypeField as z.ZodType<string>,
  status: deliveryStatusField,
  attempt_count: z.int(),
  next_attempt_at: timestampField.nullable(),
  replay_id: idField.nullable().meta({ description: 'The replay that made it.' }),
  created_at: timestampField,
  finished_at: timestampField.nullable(),
  last_attempt: z
    .object({
      started_at: timestampField,
      duration_ms: attemptFields.duration_ms,
      status: attemptFields.status,
      error: attemptFields.error,
      reason: attemptFields.reason,
    })
    .meta({ id: 'LastAttempt' })
    .nullable(),
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
  z.object(deliveryFields),
  exampleDelivery,
)

export const loggedDeliveryShape = defineShape<ReturnType<typeof presentLoggedDelivery>>(
  'LoggedDelivery',
  z.object({
    ...deliveryFields,
    body: z.unknown().meta({ description: 'The event as it is sent; null: past the retention.' }),
    attempts: z
      .array(
        z
          .object({
            id: idField.meta({ format: 'uuid', description: "The receiver's `x-krafter-webhook-id`." }),
            number: z.int(),
            started_at: timestampField,
            duration_ms: attemptFields.duration_ms,
            status: attemptFields.status,
            error: attemptFields.error,
            reason: attemptFields.reason,
            response_body: attemptFields.response_body,
          })
          .meta({ id: 'Attempt' }),
      )
      .meta({ description: 'Every attempt, first to last.' }),
  }),
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

const tags = ['deliveries']

/** What the API's description says about the log of deliveries. */
export const deliveryLogDocs = {
  list: {
    operationId: 'listDeliveries',
    summary: 'List the deliveries to a webhook, newest first',
    description: 'Kept as long as events are (`KRAFTER_RETENTION_DAYS`). `until` is exclusive.',
    tags,
    answers: { 200: pageOf(deliveryShape, 'A page of deliveries.') },
  },
  read: {
    operationId: 'readDelivery',
    summary: 'Read a delivery: what was sent, and how each attempt went',
    tags,
    answers: { 200: one(loggedDeliveryShape, 'The delivery.') },
  },
} satisfies Record<string, RouteDocs>
