import type { NewEvent } from '../deliveries/publish-event.ts'
import type { Subscriber } from './subscriber-reader-store.ts'

/** The event of a subscriber that registered or left at `occurredAt`. */
export function subscriberEvent(
  type: 'subscriber.registered' | 'subscriber.unsubscribed',
  { appId, id, userId, platform }: Pick<Subscriber, 'appId' | 'id' | 'userId' | 'platform'>,
  occurredAt: Date,
): NewEvent {
  return { appId, type, occurredAt, data: { app_id: appId, subscriber_id: id, user_id: userId, platform } }
}
