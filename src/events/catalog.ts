import { z } from 'zod'

/** The platform of a subscriber's device. */
export const platformField = z
  .enum(['web', 'ios', 'android'])
  .meta({ id: 'Platform', description: 'Browsers (web push), iOS (APNs) or Android (FCM).' })

const idOf = (noun: string) => z.guid().describe(`The ${noun}'s id.`)
const subscriber = {
  app_id: idOf('app'),
  subscriber_id: idOf('subscriber'),
  user_id: z.string().nullable().describe('The user that the subscriber belongs to; null: none.'),
  platform: platformField,
}
const push = { notification_id: idOf('notification'), ...subscriber }
const count = z.int().meta({ minimum: 0 })

/** All events: the name that webhooks subscribe to, and the schema of its `data`. */
export const catalog = {
  'notification.sent': z.object({
    notification_id: idOf('notification'),
    app_id: idOf('app'),
    title: z.string().describe("The notification's title."),
    sent_count: count.describe('Pushes that a push service accepted.'),
    failed_count: count.describe('Pushes that failed for good.'),
    pending_count: count.describe('Pushes that are still being retried.'),
  }),
  'notification.delivered': z.object({
    ...push,
    at: z.string().describe('When the device received it, in UTC.'),
  }),
  'notification.clicked': z.object({
    ...push,
    at: z.string().describe('When the device reported the click, in UTC.'),
    action: z.string().optional().describe('The action that was clicked; absent: the notification itself.'),
  }),
  'notification.failed': z.object({
    ...push,
    reason: z
      .enum(['gone', 'rejected', 'too_large', 'expired', 'unreachable'])
      .describe(
        '`gone`: the token is no longer valid; `rejected`: the push service refused the push; `too_large`: the payload does not fit; `expired`: its time to live ended before it could be sent; `unreachable`: it was retried in vain, or its platform is not set up.',
      ),
    status: z.int().nullable().describe("The push service's HTTP status; null: there was no answer."),
    failure_reason: z.string().describe('The reason in words.'),
  }),
  'subscriber.registered': z.object(subscriber),
  'subscriber.unsubscribed': z.object(subscriber),
  'webhook.disabled': z.object({
    app_id: idOf('app'),
    webhook_id: idOf('webhook').describe('The id of the webhook that was disabled.'),
    url: z.string().describe('Its URL.'),
    reason: z.string().describe('Why it was disabled, in words.'),
    failure_count: count.describe('Failed attempts in a row.'),
  }),
} as const

export type EventType = keyof typeof catalog

/** The `data` of an event. */
export type EventData<Type extends EventType> = z.infer<(typeof catalog)[Type]>

export const eventTypes = Object.keys(catalog) as [EventType, ...EventType[]]

/** All fields that occur in the `data` of any event. */
export const dataFields: ReadonlySet<string> = new Set(
  Object.values(catalog).flatMap((data) => Object.keys(data.shape)),
)
