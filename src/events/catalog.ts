import { z } from 'zod'

/** What a subscriber's device is. */
export const platformField = z
  .enum(['web', 'ios', 'android'])
  .meta({ id: 'Platform', description: 'Browsers (web push), iOS (APNs) or Android (FCM).' })

const id = z.guid()
const subscriber = {
  app_id: id,
  subscriber_id: id,
  user_id: z.string().nullable(),
  platform: platformField,
}
const push = { notification_id: id, ...subscriber }

/** Every event there is, by the name that webhooks subscribe to, and the form of its `data`. */
export const catalog = {
  'notification.sent': z.object({
    notification_id: id,
    app_id: id,
    title: z.string(),
    sent_count: z.int(),
    failed_count: z.int(),
    pending_count: z.int(),
  }),
  'notification.delivered': z.object({ ...push, at: z.string() }),
  'notification.clicked': z.object({ ...push, at: z.string(), action: z.string().optional() }),
  'notification.failed': z.object({
    ...push,
    reason: z.enum(['gone', 'rejected', 'too_large', 'expired', 'unreachable']),
    status: z.int().nullable(),
    failure_reason: z.string(),
  }),
  'subscriber.registered': z.object(subscriber),
  'subscriber.unsubscribed': z.object(subscriber),
  'webhook.disabled': z.object({
    app_id: id,
    webhook_id: id,
    url: z.string(),
    reason: z.string(),
    failure_count: z.int(),
  }),
} as const

export type EventType = keyof typeof catalog

/** The `data` of an event. */
export type EventData<Type extends EventType> = z.infer<(typeof catalog)[Type]>

export const eventTypes = Object.keys(catalog) as [EventType, ...EventType[]]

/** Every field that the `data` of some event has. */
export const dataFields: ReadonlySet<string> = new Set(
  Object.values(catalog).flatMap((data) => Object.keys(data.shape)),
)
