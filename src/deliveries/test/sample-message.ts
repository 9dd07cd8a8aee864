import { type EventType, eventTypes } from '../../events/catalog.ts'
import { eventDocs } from '../../events/event-schema.ts'
import { toTimestamp } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { batchMessage, type Message } from '../attempt/attempt-delivery.ts'

/**
 * Builds the message of a real event, also for a webhook that takes batches. It has the sample's data with this app's
 * id, new ids for everything else, and the current time. A header marks it as a test.
 */
export function sampleMessage(type: EventType, appId: string, now: Date, batched: boolean): Message {
  const id = newId()
  const body = JSON.stringify({
    id,
    event: type,
    timestamp: toTimestamp(now),
    data: sampleData(type, appId, now),
  })
  const message = batched ? batchMessage([body]) : { id, event: type, body, extra: {} }
  return { ...message, extra: { ...message.extra, 'x-krafter-test': 'true' } }
}

/** The first of a webhook's events; later versions know more. */
export function firstKnown(events: readonly string[]): EventType {
  return (events as readonly EventType[]).find((type) => eventTypes.includes(type)) ?? 'notification.sent'
}

function sampleData(type: EventType, appId: string, now: Date): Record<string, unknown> {
  const { data } = eventDocs[type].example
  const fresh: Record<string, string> = {
    app_id: appId,
    notification_id: newId(),
    subscriber_id: newId(),
    webhook_id: newId(),
    at: toTimestamp(now),
  }
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, fresh[name] ?? value]))
}
