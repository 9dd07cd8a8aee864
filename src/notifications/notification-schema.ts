import { z } from 'zod'
import { toTimestamp, toTimestampOrNull } from '../platform/clock.ts'
import {
  defineShape,
  idField,
  one,
  pageOf,
  type RouteDocs,
  rowsOf,
  timestampField,
} from '../platform/http/answers.ts'
import { priorities, priorityOf } from '../sending/rank.ts'
import { type Targeting, targetingSchema } from '../subscribers/targeting.ts'
import type { Notification } from './notification-store.ts'

const count = z.int()
const text = z.string().nullable()
const object = z.record(z.string(), z.unknown())

/** A notification as the API shows it. */
export function presentNotification(notification: Notification) {
  const { content } = notification
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

export const notificationStatusField = z
  .enum(['draft', 'scheduled', 'sending', 'sent', 'failed'])
  .meta({ id: 'NotificationStatus' })

export const priorityField = z
  .enum(priorities)
  .meta({ id: 'Priority', description: 'How soon it goes within its app.' })

const statsSchema = z
  .object({
    total_count: count,
    total_batches: count,
    completed_batches: count,
    sent_count: count,
    failed_count: count,
    skipped_count: count.meta({
      description: 'Left the audience before they were sent to: opted out, deleted, or no longer targeted.',
    }),
    pending_count: count.meta({ description: 'Pushes that have no outcome yet, retries included.' }),
    delivered_count: count,
    clicked_count: count,
  })
  .meta({ id: 'NotificationStats' })

export const notificationShape = defineShape<ReturnType<typeof presentNotification>>(
  'Notification',
  z.object({
    id: idField,
    app_id: idField,
    title: z.string(),
    body: text,
    icon: text,
    image: text,
    url: text,
    actions: z.array(z.object({ title: z.string(), action: z.string(), url: text.optional() })),
    data: object,
    targeting: targetingSchema.meta({ description: 'As it was given; `{"type":"all"}` where none was.' }),
    platform_overrides: z.object({ web: object, ios: object, android: object }).partial(),
    status: notificationStatusField,
    priority: priorityField,
    failure_reason: text.meta({
      description: 'In words: why nobody was reached, or, while it is sending, why pushes are being retried.',
    }),
    scheduled_at: timestampField.nullable(),
    sent_at: timestampField.nullable().meta({ description: 'When the fan-out completed.' }),
    stats: statsSchema,
    created_at: timestampField,
    updated_at: timestampField,
  }),
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

const tags = ['notifications']

/** What the API's description says about the routes of notifications. */
export const notificationDocs = {
  list: {
    operationId: 'listNotifications',
    summary: 'List notifications, newest first',
    tags,
    answers: { 200: pageOf(notificationShape, 'A page of notifications.') },
  },
  create: {
    operationId: 'createNotification',
    summary: 'Send a notification',
    description:
      'It is sent at once, to the subscribers that are active then. Its payload is refused when it does not fit into one push.',
    tags,
    bodyExample: {
      title: 'On its way',
      body: 'Your order has been shipped',
      url: 'https://shop.example/orders/4711',
      targeting: { type: 'user_ids', ids: ['user-1'] },
    },
    answers: { 201: one(notificationShape, 'The notification, accepted: nothing can lose it from here.') },
  },
  createBatch: {
    operationId: 'createNotifications',
    sdkMethod: 'createBatch',
    summary: 'Send up to 100 notifications',
    description:
      'Each is sent as the request for it alone would send it, and answered in its place: a notification that is refused leaves the others alone. Send an `Idempotency-Key` with it to be able to repeat it.',
    tags,
    bodyExample: {
      notifications: [
        { title: 'On its way', targeting: { type: 'user_ids', ids: ['user-1'] } },
        { title: 'Delivered', targeting: { type: 'user_ids', ids: ['user-2'] } },
      ],
    },
    answers: {
      200: rowsOf(notificationShape, 'For each notification its status and what it came to, in their order.'),
    },
  },
  read: {
    operationId: 'readNotification',
    summary: 'Read a notification and its stats',
    tags,
    answers: { 200: one(notificationShape, 'The notification.') },
  },
} satisfies Record<string, RouteDocs>
