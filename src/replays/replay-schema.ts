import { z } from 'zod'
import { deliveryShape } from '../deliveries/log/delivery-log-schema.ts'
import { eventTypeField } from '../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import {
  defineShape,
  idField,
  one,
  pageOf,
  type RouteDocs,
  timestampField,
} from '../platform/http/answers.ts'
import type { Replay } from './replay-store.ts'

/** A replay as the API shows it. */
export function presentReplay(replay: Replay) {
  return {
    id: replay.id,
    webhook_id: replay.webhookId,
    since: toTimestamp(replay.since),
    until: toTimestamp(replay.until),
    events: replay.events,
    status: replay.status,
    selection: replay.selection,
    event_count: replay.eventCount,
    created_at: toTimestamp(replay.createdAt),
    finished_at: toTimestampOrNull(replay.finishedAt),
  }
}

export const replayShape = defineShape<ReturnType<typeof presentReplay>>(
  'Replay',
  z.object({
    id: idField,
    webhook_id: idField,
    since: timestampField,
    until: timestampField,
    events: z.array(eventTypeField as z.ZodType<string>),
    status: z
      .enum(['running', 'completed', 'canceled'])
      .meta({ description: '`completed`: every delivery is made; the last may still be pending.' }),
    selection: z
      .enum(['failed', 'all'])
      .meta({ description: '`failed`: events that the webhook did not get; `all`: every one.' }),
    event_count: z.int().meta({ description: 'Deliveries made so far.' }),
    created_at: timestampField,
    finished_at: timestampField.nullable(),
  }),
  {
    id: '01996d9a-4c7e-7b12-9f30-5d6e7f8091a2',
    webhook_id: '01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42',
    since: '2026-06-01T08:00:00Z',
    until: '2026-06-01T09:00:00Z',
    events: ['notification.sent'],
    status: 'running',
    selection: 'failed',
    event_count: 200,
    created_at: '2026-06-01T09:08:00Z',
    finished_at: null,
  },
)

const tags = ['replays']

/** What the API's description says about the routes of replays. */
export const replayDocs = {
  deliver: {
    operationId: 'replayDelivery',
    summary: 'Deliver the event of a delivery once more',
    description: 'Whatever became of the first one. The receiver gets the same `webhook-id` and body.',
    tags: ['deliveries'],
    answers: { 202: one(deliveryShape, 'The new delivery, accepted: nothing can lose it from here.') },
  },
  start: {
    operationId: 'startReplay',
    summary: 'Deliver the events of a window once more',
    description:
      'By default those that the webhook did not get: whose deliveries failed, were canceled, or were never made because it was disabled. Goes on in the background, at most some hundred deliveries at a time, and survives restarts. `until` is exclusive, by default now; `events` are by default those that the webhook names.',
    tags,
    bodyExample: { since: '2026-06-01T08:00:00Z', until: '2026-06-01T09:00:00Z' },
    answers: { 202: one(replayShape, 'The replay, accepted.') },
  },
  list: {
    operationId: 'listReplays',
    summary: 'List the replays of a webhook, newest first',
    tags,
    answers: { 200: pageOf(replayShape, 'A page of replays.') },
  },
  read: {
    operationId: 'readReplay',
    summary: 'Read a replay: how far it has come',
    tags,
    answers: { 200: one(replayShape, 'The replay.') },
  },
  cancel: {
    operationId: 'cancelReplay',
    summary: 'Cancel a replay and its pending deliveries',
    description:
      'An attempt under way ends, and is not tried again. One that has wholly ended stays as it is.',
    tags,
    answers: { 200: one(replayShape, 'The replay as it is now.') },
  },
} satisfies Record<string, RouteDocs>
