import { z } from 'zod'
import { platformField } from '../events/catalog.ts'
import { toTimestamp } from '../platform/clock.ts'
import {
  createdAt,
  defineShape,
  groupedBy,
  idOf,
  one,
  pageOf,
  rowsOf,
  timestampField,
  updatedAt,
} from '../platform/http/answers.ts'
import type { Subscriber } from './subscriber-reader-store.ts'

/** A subscriber as the API shows it, without its keys. */
export function presentSubscriber(subscriber: Subscriber) {
  const seen = toTimestamp(subscriber.lastSeenAt)
  return {
    id: subscriber.id,
    app_id: subscriber.appId,
    platform: subscriber.platform,
    token: subscriber.token,
    user_id: subscriber.userId,
    tags: subscriber.tags,
    metadata: subscriber.metadata,
    status: subscriber.status,
    last_active_at: seen,
    last_seen_at: seen,
    created_at: toTimestamp(subscriber.createdAt),
    updated_at: toTimestamp(subscriber.updatedAt),
    inactive_reason: subscriber.status === 'inactive' ? subscriber.inactiveReason : null,
  }
}

export const subscriberStatusField = z.enum(['active', 'inactive', 'unsubscribed']).meta({
  id: 'SubscriberStatus',
  description:
    '`active`: receives pushes; `inactive`: its token is no longer valid, or it was not seen for 90 days; `unsubscribed`: it opted out.',
})

/** A browser's subscription, for examples. */
export const exampleEndpoint = 'https://updates.push.services.mozilla.com/wpush/v2/example'
export const exampleKeys = {
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
}
const exampleRegistration = {
  platform: 'web',
  token: exampleEndpoint,
  keys: exampleKeys,
  user_id: 'user-1',
}

export const subscriberShape = defineShape<ReturnType<typeof presentSubscriber>>(
  'Subscriber',
  z
    .object({
      id: idOf('subscriber'),
      app_id: idOf('app'),
      platform: platformField,
      token: z
        .string()
        .meta({ description: 'web: the endpoint of the push subscription; otherwise the device token.' }),
      user_id: z.string().nullable().describe('Your id of the user; null: none.'),
      tags: z.array(z.string()).describe('Tags to target it by.'),
      metadata: z.record(z.string(), z.unknown()).describe('What you stored with it.'),
      status: subscriberStatusField,
      last_active_at: timestampField.meta({ description: 'The same as `last_seen_at`.' }),
      last_seen_at: timestampField.meta({
        description:
          'When the device last registered or reported, to about a day. Changes by a backend do not count.',
      }),
      created_at: createdAt,
      updated_at: updatedAt,
      inactive_reason: z.enum(['gone', 'unseen', 'key_mismatch']).nullable().meta({
        description:
          'Why it is inactive; otherwise null. `gone`: the push service says that the token is no longer valid; `unseen`: the device was not seen for 90 days; `key_mismatch`: it subscribed with another VAPID key.',
      }),
    })
    .describe('A browser or a device that can be pushed to.'),
  {
    id: '01996d61-77d0-7c35-b1f4-90a3e2d6c853',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    platform: 'web',
    token: exampleEndpoint,
    user_id: 'user-1',
    tags: ['customers'],
    metadata: { plan: 'pro' },
    status: 'active',
    last_active_at: '2026-06-01T08:06:00Z',
    last_seen_at: '2026-06-01T08:06:00Z',
    created_at: '2026-06-01T08:06:00Z',
    updated_at: '2026-06-01T08:06:00Z',
    inactive_reason: null,
  },
)

/** What the API's description says about the routes of subscribers. */
export const subscriberDocs = groupedBy('subscribers', {
  list: {
    operationId: 'listSubscribers',
    summary: 'List subscribers',
    description:
      'All given filters have to match. To read more than 10,000 subscribers, use `cursor` instead of `offset`.',
    answers: {
      200: pageOf(subscriberShape, 'A page of subscribers, oldest first. Their keys are never shown.'),
    },
  },
  register: {
    operationId: 'registerSubscriber',
    summary: 'Register a subscriber',
    description: [
      'Takes a `token`, or the `PushSubscription.toJSON()` of a browser: its fields as they are, or as a whole in `subscription`. An endpoint is stored as URL parsers write it, without a fragment: other spellings of it are the same subscriber.',
      'Registering a known token updates its subscriber and answers 200. It becomes active again, unless it opted out and `keep_unsubscribed` is true. Absent fields keep their values, and so do `tags` and `metadata` that are null. With another `user_id`, the tags and metadata of the previous user are deleted, and devices can no longer report on pushes that were sent to that user.',
    ].join('\n\n'),
    bodyExample: { ...exampleRegistration, tags: ['customers'] },
    answers: {
      200: one(subscriberShape, 'The token was known: the updated subscriber.'),
      201: one(subscriberShape, 'The new subscriber.'),
    },
  },
  registerBatch: {
    operationId: 'registerSubscribers',
    sdkMethod: 'registerBatch',
    summary: 'Register up to 1,000 subscribers',
    description: [
      'Each row is registered as a request for it alone would be, in their order. A row that is refused does not affect the others.',
      'Each row counts in the `strict` rate limit. A batch that exceeds what is left of the minute is refused as a whole. After a 5xx, send the batch again: rows that are registered already answer 200.',
    ].join('\n\n'),
    bodyExample: { subscribers: [exampleRegistration] },
    answers: { 200: rowsOf(subscriberShape, 'The outcome of each row, in their order.') },
  },
  read: {
    operationId: 'readSubscriber',
    summary: 'Read a subscriber',
    answers: { 200: one(subscriberShape, 'The subscriber.') },
  },
  update: {
    operationId: 'updateSubscriber',
    summary: 'Change a subscriber',
    description:
      'Only the given fields change; `tags` and `metadata` that are null become empty. Another web `token` needs its `keys`; a `token` makes an inactive subscriber active. With another `user_id`, the tags and metadata of the previous user are deleted.',
    bodyExample: { tags: ['customers', 'beta'], status: 'active' },
    answers: { 200: one(subscriberShape, 'The subscriber after the change.') },
  },
  unsubscribe: {
    operationId: 'unsubscribeSubscriber',
    summary: 'Unsubscribe a subscriber',
    description:
      'The subscriber receives nothing until it registers again. One that is unsubscribed already stays as it is.',
    answers: {
      200: one(
        { ...subscriberShape, example: { ...(subscriberShape.example as object), status: 'unsubscribed' } },
        'The subscriber after the change.',
      ),
    },
  },
  delete: {
    operationId: 'deleteSubscriber',
    summary: 'Delete a subscriber',
    answers: { 204: { description: 'The subscriber is deleted.' } },
  },
})
