/**
 * Requests that compile and requests that must not, as openapi.json types them for clients. Nothing runs this: the
 * compiler reads it, and each `@ts-expect-error` fails the check where there is no error.
 */
import type {
  CreateNotificationRequest,
  Event,
  Filter,
  RegisterSubscriberRequest,
  SubscriberBatchRow,
  Targeting,
  UpdateWebhookRequest,
} from '../../packages/client/api-types.ts'

export const filters: Filter[] = [
  { platform: 'web', action: { exists: true } },
  { or: [{ status: { in: [410, null] } }, { not: { user_id: null } }] },
  // @ts-expect-error no event has such a field
  { plattform: 'web' },
  // @ts-expect-error no subscriber has such a platform
  { platform: 'windows' },
  // @ts-expect-error several values are given with `in`
  { platform: ['web', 'ios'] },
  // @ts-expect-error a number, not text
  { failed_count: '3' },
  // @ts-expect-error combines filters, not fields
  { and: { platform: 'web' } },
]

export const targetings: Targeting[] = [
  { type: 'all' },
  { type: 'tags', tags: ['customers'], match: 'all' },
  // @ts-expect-error there is no such kind
  { type: 'everybody' },
  // @ts-expect-error users are named by `ids`
  { type: 'user_ids', tags: ['customers'] },
  // @ts-expect-error `match` is any or all
  { type: 'tags', tags: ['customers'], match: 'some' },
]

export const notifications: CreateNotificationRequest[] = [
  { title: 'On its way', status: 'draft' },
  { title: 'On its way', platform_overrides: { web: { ttl: 60, urgency: 'high', badge: '/badge.png' } } },
  // @ts-expect-error a title is required
  { body: 'Your order has been shipped' },
  // @ts-expect-error only a draft has a status
  { title: 'On its way', status: 'sent' },
  // @ts-expect-error there is no such urgency
  { title: 'On its way', platform_overrides: { web: { urgency: 'urgent' } } },
]

const keys = { p256dh: 'B…', auth: 'A…' }
export const registrations: RegisterSubscriberRequest[] = [
  { platform: 'web', token: 'https://push.example/1', keys },
  { endpoint: 'https://push.example/1', keys, expirationTime: null },
  { subscription: { endpoint: 'https://push.example/1', keys } },
  { platform: 'ios', token: 'a1b2' },
  // @ts-expect-error a token has a platform
  { token: 'a1b2' },
  // @ts-expect-error a device is named
  { platform: 'web', user_id: 'user-1' },
]

export const webhooks: UpdateWebhookRequest[] = [
  { filter: null, ordered: 'subscriber_id' },
  // @ts-expect-error there is no such event
  { events: ['notification.opened'] },
  // @ts-expect-error true, false or "subscriber_id"
  { ordered: 'user_id' },
]

/** What is known of an event's data follows from its name. */
export function reasonOf(event: Event): string {
  return event.event === 'notification.failed' ? event.data.reason : ''
}

/** A row of a batch is one that was accepted, or one that was refused. */
export function outcomeOf(row: SubscriberBatchRow): string {
  return 'data' in row ? row.data.id : row.error
}
