import { z } from 'zod'

const id = z.guid()
const moment = z.string()
const subscriberFields = {
  app_id: id,
  subscriber_id: id,
  user_id: z.string().nullable(),
  platform: z.enum(['web', 'ios', 'android']),
}
const notificationFields = { notification_id: id, ...subscriberFields }

const ids = {
  app: '01996d3c-5a00-7000-8000-000000000001',
  notification: '01996d3c-5a00-7000-8000-000000000002',
  subscriber: '01996d3c-5a00-7000-8000-000000000003',
}
const subscriberExample = {
  app_id: ids.app,
  subscriber_id: ids.subscriber,
  user_id: 'user-1',
  platform: 'web' as const,
}
const notificationExample = { notification_id: ids.notification, ...subscriberExample }

/** Every event there is, by the name that webhooks subscribe to: when it fires, the form of its `data`, an example. */
export const catalog = {
  'notification.sent': {
    when: 'once per notification, when its fan-out has completed',
    data: z.object({
      notification_id: id,
      app_id: id,
      title: z.string(),
      sent_count: z.int(),
      failed_count: z.int(),
    }),
    example: {
      notification_id: ids.notification,
      app_id: ids.app,
      title: 'On its way',
      sent_count: 1_204,
      failed_count: 3,
    },
  },
  'notification.delivered': {
    when: 'a device reports that it received the notification, once per subscriber and notification',
    data: z.object({ ...notificationFields, at: moment }),
    example: { ...notificationExample, at: '2026-01-01T08:00:01Z' },
  },
  'notification.clicked': {
    when: 'a device reports a click on it or on one of its actions, once per subscriber and notification',
    data: z.object({ ...notificationFields, at: moment, action: z.string().optional() }),
    example: { ...notificationExample, at: '2026-01-01T08:00:09Z', action: 'track' },
  },
  'notification.failed': {
    when: 'a subscriber could not be reached, for good',
    data: z.object({
      ...notificationFields,
      reason: z.enum(['gone', 'rejected', 'too_large', 'expired', 'unreachable']),
      status: z.int().nullable(),
    }),
    example: { ...notificationExample, reason: 'gone' as const, status: 410 },
  },
  'subscriber.registered': {
    when: 'a subscriber is new, or active again',
    data: z.object(subscriberFields),
    example: subscriberExample,
  },
  'subscriber.unsubscribed': {
    when: 'a subscriber opted out or was deleted',
    data: z.object(subscriberFields),
    example: subscriberExample,
  },
} as const

export type EventType = keyof typeof catalog

/** The `data` of an event. */
export type EventData<Type extends EventType> = z.infer<(typeof catalog)[Type]['data']>

export const eventTypes = Object.keys(catalog) as [EventType, ...EventType[]]

/** Every field that the `data` of some event has. */
export const dataFields: ReadonlySet<string> = new Set(
  Object.values(catalog).flatMap(({ data }) => Object.keys(data.shape)),
)
