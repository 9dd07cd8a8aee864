import { z } from 'zod'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
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
import { describedAs } from '../platform/openapi/components.ts'
import { type Targeting, targetingSchema } from '../subscribers/targeting.ts'
import type { Notification } from './notification-store.ts'
import { priorities, priorityOf } from './rank.ts'

const count = z.int().meta({ minimum: 0 })
const text = z.string().nullable()
const object = z.record(z.string(), z.unknown())

/** A notification as the API shows it. */
export function presentNotification(notification: Notification) {
  const content = notification.content ?? {}
  return {
    id: notification.id,
    app_id: notification.app_id,
    title: notification.title,
    body: content.body ?? null,
    icon: content.icon ?? null,
    image: content.image ?? null,
    url: content.url ?? null,
    actions: content.actions ?? [],
    data: content.data ?? {},
    targeting: (notification.targeting ?? { type: 'all' }) as Targeting,
    platform_overrides: content.platform_overrides ?? {},
    status: notification.status,
    priority: priorityOf(notification.rank),
    failure_reason: notification.failure_reason,
    scheduled_at: toTimestampOrNull(notification.scheduled_at),
    sent_at: toTimestampOrNull(notification.sent_at),
    stats: {
      total_count: notification.total_count,
      total_batches: notification.total_batches,
      completed_batches: notification.completed_batches,
      sent_count: notification.sent_count,
      failed_count: notification.failed_count,
      skipped_count: notification.skipped_count,
      pending_count: pendingCount(notification),
      delivered_count: notification.delivered_count,
      clicked_count: notification.clicked_count,
    },
    created_at: toTimestamp(notification.created_at),
    updated_at: toTimestamp(notification.updated_at),
  }
}

/** Recipients whose push has no outcome yet. */
function pendingCount({ total_count, sent_count, failed_count, skipped_count }: Notification): number {
  return Math.max(0, total_count - sent_count - failed_count - skipped_count)
}

export const notificationStatusField = z.enum(['draft', 'scheduled', 'sending', 'sent', 'failed']).meta({
  id: 'NotificationStatus',
  description:
    '`draft`: stored, not sent; `scheduled`: sent at `scheduled_at`; `sending`: pushes are being sent; `sent`: every push has its outcome, or is still being retried after 10 minutes; `failed`: it reached nobody, or could not be sent.',
})

export const priorityField = z
  .enum(priorities)
  .meta({ id: 'Priority', description: 'How soon it is sent, compared with other notifications of the app.' })

const statsSchema = z
  .object({
    total_count: count.describe('Subscribers in the audience.'),
    total_batches: count.describe('Batches that the audience is sent in.'),
    completed_batches: count.describe('Batches that are complete.'),
    sent_count: count.describe('Pushes that a push service accepted.'),
    failed_count: count.describe('Pushes that failed for good.'),
    skipped_count: count.describe(
      'Subscribers that left the audience before they were sent to: they opted out, were deleted, or are no longer targeted.',
    ),
    pending_count: count.describe('Pushes that have no outcome yet, retries included.'),
    delivered_count: count.describe('Devices that reported that they received it.'),
    clicked_count: count.describe('Devices that reported a click.'),
  })
  .meta({ id: 'NotificationStats', description: 'What became of its pushes so far.' })

export const notificationShape = defineShape<ReturnType<typeof presentNotification>>(
  'Notification',
  z
    .object({
      id: idOf('notification'),
      app_id: idOf('app'),
      title: z.string().describe('The title.'),
      body: text.describe('The text below the title.'),
      icon: text.describe('The URL of an icon.'),
      image: text.describe('The URL of a large image.'),
      url: text.describe('What a click opens.'),
      actions: z
        .array(
          z
            .object({ title: z.string(), action: z.string(), url: text.optional() })
            .meta(describedAs('NotificationAction')),
        )
        .describe('Its buttons.'),
      data: object.describe('Your data.'),
      targeting: targetingSchema.describe('Whom it is for.'),
      platform_overrides: z
        .object({ web: object, ios: object, android: object })
        .partial()
        .meta({ ...describedAs('PlatformOverrides'), description: 'What differs by platform.' }),
      status: notificationStatusField,
      priority: priorityField,
      failure_reason: text.describe(
        'Why nobody was reached, or why pushes are being retried while it is sending; null: neither.',
      ),
      scheduled_at: timestampField.nullable().describe('When it is to be sent; null: at once.'),
      sent_at: timestampField.nullable().describe('When it was sent to its whole audience; null: not yet.'),
      stats: statsSchema,
      created_at: createdAt,
      updated_at: updatedAt,
    })
    .describe('A message that is pushed to an audience of subscribers.'),
  {
    id: '01996d62-b8f1-7d20-a3c6-41e5f7082d94',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    title: 'On its way',
    body: 'Your order has been shipped',
    icon: null,
    image: null,
    url: 'https://shop.example/orders/4711',
    actions: [{ title: 'Track', action: 'track' }],
    data: { order: 4711 },
    targeting: { type: 'user_ids', ids: ['user-1'] },
    platform_overrides: { web: { ttl: 3600 } },
    status: 'sent',
    priority: 'normal',
    failure_reason: null,
    scheduled_at: null,
    sent_at: '2026-06-01T08:07:01Z',
    stats: {
      total_count: 2,
      total_batches: 1,
      completed_batches: 1,
      sent_count: 2,
      failed_count: 0,
      skipped_count: 0,
      pending_count: 0,
      delivered_count: 0,
      clicked_count: 0,
    },
    created_at: '2026-06-01T08:07:00Z',
    updated_at: '2026-06-01T08:07:01Z',
  },
)

/** The API description of the notification routes. */
export const notificationDocs = groupedBy('notifications', {
  list: {
    operationId: 'listNotifications',
    summary: 'List notifications, newest first',
    answers: { 200: pageOf(notificationShape, 'A page of notifications.') },
  },
  create: {
    operationId: 'createNotification',
    summary: 'Send a notification',
    description:
      'It is sent at once to the targeted subscribers that are active. A payload that does not fit into one push is refused: `details` names the field to shorten.',
    bodyExample: {
      title: 'On its way',
      body: 'Your order has been shipped',
      url: 'https://shop.example/orders/4711',
      targeting: { type: 'user_ids', ids: ['user-1'] },
    },
    answers: { 201: one(notificationShape, 'The notification. It is stored and will be sent.') },
  },
  createBatch: {
    operationId: 'createNotifications',
    sdkMethod: 'createBatch',
    summary: 'Send up to 100 notifications',
    description:
      'Each notification is sent as a request for it alone would be. One that is refused does not affect the others. Send an `Idempotency-Key` with the batch to be able to repeat it.',
    bodyExample: {
      notifications: [
        { title: 'On its way', targeting: { type: 'user_ids', ids: ['user-1'] } },
        { title: 'Delivered', targeting: { type: 'user_ids', ids: ['user-2'] } },
      ],
    },
    answers: {
      200: rowsOf(notificationShape, 'The outcome of each notification, in their order.'),
    },
  },
  read: {
    operationId: 'readNotification',
    summary: 'Read a notification and its stats',
    answers: { 200: one(notificationShape, 'The notification.') },
  },
})
