import { z } from 'zod'
import { platformField } from '../events/catalog.ts'
import {
  defineShape,
  empty,
  idField,
  one,
  pageOf,
  type RouteDocs,
  rowsOf,
  timestampField,
} from '../platform/http/answers.ts'
import type { presentSubscriber } from './subscriber-store.ts'

export const subscriberStatusField = z.enum(['active', 'inactive', 'unsubscribed']).meta({
  id: 'SubscriberStatus',
  description:
    '`active`: receives pushes; `inactive`: its token is no longer valid, or it was not seen for 90 days; `unsubscribed`: it opted out.',
})

export const subscriberShape = defineShape<ReturnType<typeof presentSubscriber>>(
  'Subscriber',
  z.object({
    id: idField,
    app_id: idField,
    platform: platformField,
    token: z.string().meta({ description: 'web: the push endpoint; otherwise the device token.' }),
    user_id: z.string().nullable(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()),
    status: subscriberStatusField,
    last_active_at: timestampField.meta({ description: 'The same as `last_seen_at`.' }),
    last_seen_at: timestampField.meta({
      description:
        'When the device registered or reported last, to about a day. A change by a backend does not move it.',
    }),
    created_at: timestampField,
    updated_at: timestampField,
    inactive_reason: z.enum(['gone', 'unseen', 'key_mismatch']).nullable().meta({
      description:
        'While it is inactive: `gone` (the push service says that the token is no longer valid), `unseen` (for 90 days), `key_mismatch` (it subscribed with another VAPID key; docs/send/vapid-keys.md).',
    }),
  }),
  {
    id: '01996d61-77d0-7c35-b1f4-90a3e2d6c853',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    platform: 'web',
    token: 'https://updates.push.services.mozilla.com/wpush/v2/example',
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

const tags = ['subscribers']

/** What the API's description says about the routes of subscribers. */
export const subscriberDocs = {
  list: {
    operationId: 'listSubscribers',
    summary: 'List subscribers',
    description:
      'Filters combine. `token` finds an endpoint in any spelling. For more than 10,000 subscribers use `cursor` instead of `offset`.',
    tags,
    answers: { 200: pageOf(subscriberShape, 'A page of subscribers, oldest first; never their keys.') },
  },
  register: {
    operationId: 'registerSubscriber',
    summary: 'Register a subscriber',
    description: [
      'Takes `token` and `keys`, or the `PushSubscription.toJSON()` of a browser: its fields as they are, or whole as `subscription`. An endpoint is stored as URL parsers write it, without a fragment: other spellings of it are the same subscriber.',
      'A token that is known already updates its subscriber and answers 200: it is active again, unless it opted out and `keep_unsubscribed` is true. Fields that are absent, and `tags` and `metadata` that are null, keep their values. A token that moves to another `user_id` loses the tags and metadata of the user before, and the pushes sent to them can report no more.',
      "`vapid_public_key` says which of the app's keys the browser subscribed with; without it a new subscriber gets the current one, and a known one keeps its own.",
    ].join('\n\n'),
    tags,
    bodyExample: {
      platform: 'web',
      token: 'https://updates.push.services.mozilla.com/wpush/v2/example',
      keys: {
        p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
        auth: 'BTBZMqHH6r4Tts7J_aSIgg',
      },
      user_id: 'user-1',
      tags: ['customers'],
    },
    answers: {
      200: one(subscriberShape, 'The token was known: its subscriber as it is now.'),
      201: one(subscriberShape, 'A new subscriber.'),
    },
  },
  registerBatch: {
    operationId: 'registerSubscribers',
    sdkMethod: 'registerBatch',
    summary: 'Register up to 1,000 subscribers',
    description: [
      'Each is registered as the request for it alone would register it, in their order, and answered in its place: a row that is refused leaves the others alone.',
      'Every row counts in the `strict` rate limit; a batch that does not fit into what is left of the minute is refused as a whole, and one larger than the limit is too. After a 5xx the batch can be repeated: rows that are registered already answer 200.',
    ].join('\n\n'),
    tags,
    bodyExample: {
      subscribers: [
        {
          platform: 'web',
          token: 'https://updates.push.services.mozilla.com/wpush/v2/example',
          keys: {
            p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
            auth: 'BTBZMqHH6r4Tts7J_aSIgg',
          },
          user_id: 'user-1',
        },
      ],
    },
    answers: { 200: rowsOf(subscriberShape, 'For each row its status and what it came to, in their order.') },
  },
  read: {
    operationId: 'readSubscriber',
    summary: 'Read a subscriber',
    tags,
    answers: { 200: one(subscriberShape, 'The subscriber.') },
  },
  update: {
    operationId: 'updateSubscriber',
    summary: 'Change a subscriber',
    description:
      'Only the given fields change; `tags` and `metadata` that are null become empty. Another web `token` needs its `keys`; a `token` makes an inactive subscriber active. With another `user_id` the subscriber loses the tags and metadata of the user before.',
    tags,
    bodyExample: { tags: ['customers', 'beta'], status: 'active' },
    answers: { 200: one(subscriberShape, 'The subscriber as it is now.') },
  },
  unsubscribe: {
    operationId: 'unsubscribeSubscriber',
    summary: 'Let a subscriber opt out',
    description: 'It is sent nothing until it registers again. One that had opted out before stays as it is.',
    tags,
    answers: {
      200: one(
        { ...subscriberShape, example: { ...(subscriberShape.example as object), status: 'unsubscribed' } },
        'The subscriber as it is now.',
      ),
    },
  },
  delete: {
    operationId: 'deleteSubscriber',
    summary: 'Delete a subscriber',
    tags,
    answers: { 204: empty('It is gone.') },
  },
} satisfies Record<string, RouteDocs>
