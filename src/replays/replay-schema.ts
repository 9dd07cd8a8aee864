import { z } from 'zod'
import { deliveryShape } from '../deliveries/log/delivery-log-schema.ts'
import { eventTypeField } from '../events/event-schema.ts'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import {
  createdAt,
  defineShape,
  groupedBy,
  idOf,
  one,
  pageOf,
  timeOf,
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
  z
    .object({
      id: idOf('replay'),
      webhook_id: idOf('webhook'),
      since: timeOf('The start of the window, in UTC; inclusive.'),
      until: timeOf('The end of the window, in UTC; exclusive.'),
      events: z.array(eventTypeField as z.ZodType<string>).describe('The events that are delivered again.'),
      status: z.enum(['running', 'completed', 'canceled']).meta({
        description:
          '`running`: it is still creating deliveries; `completed`: every delivery is created, the last ones may be pending; `canceled`: it was canceled.',
      }),
      selection: z
        .enum(['failed', 'all'])
        .meta({ description: '`failed`: events that the webhook did not receive; `all`: every event.' }),
      event_count: z.int().meta({ description: 'Deliveries created so far.' }),
      created_at: createdAt,
      finished_at: timestampField.nullable().describe('When it ended; null: it is running.'),
    })
    .describe('Events of a time window, delivered once more to a webhook.'),
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

/** The API description of the replay routes. */
export const replayDocs = groupedBy('replays', {
  deliver: {
    operationId: 'replayDelivery',
    summary: 'Deliver the event of a delivery again',
    description:
      'Works whatever the status of the delivery is. The receiver gets the same `webhook-id` and body.',
    tags: ['deliveries'],
    answers: { 202: one(deliveryShape, 'The new delivery. It is stored and will be attempted.') },
  },
  start: {
    operationId: 'startReplay',
    summary: 'Deliver the events of a time window again',
    description:
      'By default, only events that the webhook did not receive: their deliveries failed, were canceled, or were never created because the webhook was disabled. The replay runs in the background, a few hundred deliveries at a time, and survives restarts.',
    bodyExample: { since: '2026-06-01T08:00:00Z', until: '2026-06-01T09:00:00Z' },
    answers: { 202: one(replayShape, 'The replay, accepted.') },
  },
  list: {
    operationId: 'listReplays',
    summary: 'List the replays of a webhook, newest first',
    answers: { 200: pageOf(replayShape, 'A page of replays.') },
  },
  read: {
    operationId: 'readReplay',
    summary: 'Read a replay and its progress',
    answers: { 200: one(replayShape, 'The replay.') },
  },
  cancel: {
    operationId: 'cancelReplay',
    summary: 'Cancel a replay and its pending deliveries',
    description:
      'An attempt under way is finished, but not repeated. A replay that has ended stays as it is.',
    answers: { 200: one(replayShape, 'The replay after the change.') },
  },
})
