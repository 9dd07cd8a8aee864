/** Every event there is, by the name that webhooks subscribe to. */
export const eventTypes = [
  'notification.sent',
  'notification.delivered',
  'notification.clicked',
  'notification.failed',
  'subscriber.registered',
  'subscriber.unsubscribed',
] as const

export type EventType = (typeof eventTypes)[number]
