import { sql } from 'kysely'
import { laneName, newDeliveries, newEvents } from '../announcements.ts'
import type { EventData, EventType } from '../events/catalog.ts'
import { toTimestamp } from '../platform/clock.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { anyOf } from '../platform/db/is-one-of.ts'
import { newId } from '../platform/ids.ts'
import { type Filter, matchesFilter, storedFilter } from '../webhooks/filter.ts'

/** An event to publish to webhooks and streams. */
export type NewEvent = {
  [Type in EventType]: { appId: string; type: Type; data: EventData<Type>; occurredAt: Date }
}[EventType]

/**
 * Publishes an event in the transaction of the change it reports: inserts its row, and a delivery for each enabled
 * webhook that names it and whose filter matches now. The body is fixed here, so that every attempt sends the same
 * bytes. An event is not stored when no webhook of the app names it, enabled or not, and no stream follows the app.
 */
export async function emitEvent(trx: Trx, event: NewEvent): Promise<void> {
  await emitEvents(trx, [event])
}

/**
 * Like {@link emitEvent} for many events at once: a fixed number of statements, however many events and apps there are.
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
  const rows = toRows(events.filter(isKept))
  if (rows.length === 0) return []
  const deliveries = rows.flatMap((row) =>
    (listeners.get(row.event.appId) ?? [])
      .filter((listener) => wants(listener, row.event))
      .map((listener) => ({
        appId: row.event.appId,
        row,
        webhookId: listener.id,
        generation: listener.generation,
        subscriberId: subscriberOf(row.event.data),
      })),
  )
  await pipelined([
    insertEvents(trx, rows),
    insertDeliveries(trx, deliveries, now),
    newEvents.announce(
      trx,
      rows.map(({ event }) => event.appId).filter((appId) => streamed.has(appId)),
    ),
  ])
  return rows.map(({ id, event }) => ({ appId: event.appId, id }))
}

/** The webhooks and streams that receive the events of some apps. */
export interface EventReceivers {
  /** Webhooks, enabled or not, by app. */
  listeners: Map<string, Listener[]>
  /** Apps whose events a stream follows. */
  streamed: Set<string>
}

/** Reads the webhooks and streams of some apps. The result stays valid while the transaction holds those apps. */
export async function readEventReceivers(
  trx: Trx,
  appIds: readonly string[],
  now: Date,
): Promise<EventReceivers> {
  const { rows } = await sql<Listener | Stream>`
    select app_id as "appId", id, generation, events, filter, enabled from webhooks
    where app_id = ${anyOf(appIds)}
    union all
    select app_id, null, null, null, null, null from event_streams
    where app_id = ${anyOf(appIds)} and expires_at > ${now}`.execute(trx)
  const listeners = rows.filter((row): row is Listener => row.id !== null)
  const known = listeners.map((listener) => ({ ...listener, filter: storedFilter(listener.filter) }))
  return {
    listeners: Map.groupBy(known, ({ appId }) => appId),
    streamed: new Set(rows.filter(({ id }) => id === null).map(({ appId }) => appId)),
  }
}

interface Listener {
  appId: string
  id: string
  generation: number
  events: string[]
  filter: Filter | null
  enabled: boolean
}

/** An open stream (events/stream/stream-routes.ts). */
interface Stream {
  appId: string
  id: null
}

interface EventRow {
  id: string
  type: EventType
  body: string
  event: NewEvent
}

function wants({ enabled, events, filter }: Listener, event: NewEvent): boolean {
  return enabled && events.includes(event.type) && (!filter || matchesFilter(filter, event.data))
}

/** The subscriber that an event is about; null: none. */
export function subscriberOf(data: object): string | null {
  return (data as { subscriber_id?: string }).subscriber_id ?? null
}

/** Rows are in the order of the events, and so are their ids. */
function toRows(events: readonly NewEvent[]): EventRow[] {
  const ids = events.map(newId).sort()
  return events.map((event, index) => {
    const { type, data, occurredAt } = event
    const id = ids[index]!
    return {
      id,
      type,
      body: JSON.stringify({ id, event: type, timestamp: toTimestamp(occurredAt), data }),
      event,
    }
  })
}

async function insertEvents(trx: Trx, events: readonly EventRow[]): Promise<void> {
  const rows = events.map(({ id, type, body, event }) => ({
    app_id: event.appId,
    id,
    type,
    body,
    occurred_at: event.occurredAt.toISOString(),
  }))
  await sql`
    insert into events (app_id, id, type, body, occurred_at)
    select app_id, id, type, body, occurred_at
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (app_id uuid, id uuid, type text, body text, occurred_at timestamptz)`.execute(trx)
}

/** A delivery to create: an event, and the webhook in its current generation. */
export interface NewDelivery {
  appId: string
  row: { id: string; type: string }
  webhookId: string
  generation: number
  /** The key by which a webhook may order its deliveries, now or later. */
  subscriberId: string | null
  /** The replay that requested the delivery. */
  replayId?: string
}

/** Inserts deliveries, due now, in the caller's transaction. Its commit notifies their lanes. @returns their ids */
export async function insertDeliveries(
  trx: Trx,
  given: readonly NewDelivery[],
  now: Date,
): Promise<string[]> {
  if (given.length === 0) return []
  const ids = given.map(newId).sort()
  const deliveries = given.map(({ appId, row, webhookId, generation, subscriberId, replayId }, index) => ({
    app_id: appId,
    id: ids[index]!,
    event_id: row.id,
    event_type: row.type,
    webhook_id: webhookId,
    webhook_generation: generation,
    order_key: subscriberId,
    replay_id: replayId,
  }))
  const inserted = sql`
    insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, order_key, replay_id,
      status, next_attempt_at, created_at)
    select app_id, id, event_id, event_type, webhook_id, webhook_generation, order_key, replay_id, 'pending',
      ${now}::timestamptz, ${now}::timestamptz
    from json_to_recordset(${JSON.stringify(deliveries)}::text::json) as row (app_id uuid, id uuid, event_id uuid,
      event_type text, webhook_id uuid, webhook_generation int, order_key text, replay_id uuid)`.execute(trx)
  await pipelined([inserted, newDeliveries.announce(trx, given.map(laneName))])
  return ids
}
