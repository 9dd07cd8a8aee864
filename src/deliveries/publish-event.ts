import { newEvents } from '../announcements.ts'
import type { EventData, EventType } from '../events/catalog.ts'
import { insertEvents, type LoggedEvent } from '../events/event-store.ts'
import { toTimestamp } from '../platform/clock.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { newId } from '../platform/ids.ts'
import { matchesFilter } from '../webhooks/filter.ts'
import { insertDeliveries } from './delivery-store.ts'
import { type EventReceivers, type Listener, readEventReceivers } from './receiver-store.ts'

/** An event to publish to webhooks and streams. */
export type NewEvent = {
  [Type in EventType]: { appId: string; type: Type; data: EventData<Type>; occurredAt: Date }
}[EventType]

/**
 * Publishes events in the transaction of the changes they report: inserts their rows, and a delivery for each enabled
 * webhook that names an event and whose filter matches now. Takes a fixed number of statements, however many events and
 * apps there are. The body is fixed here, so that every attempt sends the same bytes. An event is not stored when no
 * webhook of the app names it, enabled or not, and no stream follows the app.
 *
 * @param keepAll whether to store events that no webhook names and no stream follows
 * @param receivers the webhooks and streams of the events' apps, if the transaction has already read them
 * @returns the stored events
 */
export async function emitEvents(
  trx: Trx,
  events: readonly NewEvent[],
  keepAll = false,
  receivers?: EventReceivers,
): Promise<{ appId: string; id: string }[]> {
  if (events.length === 0) return []
  const appIds = [...new Set(events.map(({ appId }) => appId))]
  const now = events[0]!.occurredAt
  const { listeners, streamed } = receivers ?? (await readEventReceivers(trx, appIds, now))
  const isKept = ({ appId, type }: NewEvent) =>
    keepAll || streamed.has(appId) || listeners.get(appId)?.some((listener) => listener.events.includes(type))
  const stored = toStored(events.filter(isKept))
  if (stored.length === 0) return []
  const deliveries = stored.flatMap((event) =>
    (listeners.get(event.appId) ?? [])
      .filter((listener) => wants(listener, event))
      .map(({ id, generation }) => ({
        appId: event.appId,
        event,
        webhookId: id,
        generation,
        subscriberId: subscriberOf(event.data),
      })),
  )
  await pipelined([
    insertEvents(trx, stored),
    insertDeliveries(trx, deliveries, now),
    newEvents.announce(
      trx,
      stored.map(({ appId }) => appId).filter((appId) => streamed.has(appId)),
    ),
  ])
  return stored.map(({ appId, id }) => ({ appId, id }))
}

function wants({ enabled, events, filter }: Listener, event: NewEvent): boolean {
  return enabled && events.includes(event.type) && (!filter || matchesFilter(filter, event.data))
}

/** The subscriber that an event is about; null: none. */
export function subscriberOf(data: object): string | null {
  return (data as { subscriber_id?: string }).subscriber_id ?? null
}

/** The events with their ids and bodies. Ids are in the order of the events. */
function toStored(events: readonly NewEvent[]): (LoggedEvent & NewEvent)[] {
  const ids = events.map(newId).sort()
  return events.map((event, index) => {
    const { type, data, occurredAt } = event
    const id = ids[index]!
    const body = JSON.stringify({ id, event: type, timestamp: toTimestamp(occurredAt), data })
    return { ...event, id, body }
  })
}
