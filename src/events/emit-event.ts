import { sql } from 'kysely'
import type { Deps } from '../deps.ts'
import { toTimestamp } from '../platform/clock.ts'
import { type Trx, together } from '../platform/db.ts'
import { newId } from '../platform/ids.ts'
import { enqueueDeliveries } from '../webhooks/enqueue-deliveries.ts'
import { type Filter, matchesFilter } from '../webhooks/filter.ts'
import type { EventData, EventType } from './catalog.ts'

/** Something that happened and that webhooks may hear of. */
export type NewEvent = {
  [Type in EventType]: { appId: string; type: Type; data: EventData<Type>; occurredAt: Date }
}[EventType]

/**
 * Publishes an event in the transaction of the fact: its row, a delivery for each webhook that is enabled, names it
 * and whose filter lets it pass at this moment, and their Deliver messages. The body is fixed here, so that every
 * attempt sends the same bytes. An event that no webhook of the app names, enabled or not, and that nobody follows,
 * is not kept.
 */
export async function emitEvent(trx: Trx, deps: Pick<Deps, 'queue'>, event: NewEvent): Promise<void> {
  await emitEvents(trx, deps, [event])
}

/**
 * Like {@link emitEvent} for many events at once: a fixed number of statements for each app, however many there are.
 *
 * @param keepAll also those that no webhook names and nobody follows
 * @returns those that are kept
 */
export async function emitEvents(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  events: readonly NewEvent[],
  keepAll = false,
): Promise<{ appId: string; id: string }[]> {
  const all: { appId: string; id: string }[] = []
  for (const [appId, ofApp] of Map.groupBy(events, (event) => event.appId)) {
    const kept = await emitForApp(trx, deps, appId, ofApp, keepAll)
    all.push(...kept.map(({ id }) => ({ appId, id })))
  }
  return all
}

interface Listener {
  id: string
  generation: number
  events: string[]
  filter: Filter | null
  enabled: boolean
}

interface EventRow {
  id: string
  type: EventType
  body: string
  occurred_at: Date
}

async function emitForApp(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  appId: string,
  events: readonly NewEvent[],
  keepAll: boolean,
): Promise<EventRow[]> {
  const listeners = (await trx
    .selectFrom('webhooks')
    .select(['id', 'generation', 'events', 'filter', 'enabled'])
    .where('app_id', '=', appId)
    .execute()) as Listener[]
  const named = new Set(listeners.flatMap((listener) => listener.events))
  const isWanted =
    keepAll ||
    (events.some((event) => !named.has(event.type)) && (await isStreamed(trx, appId, events[0]!.occurredAt)))
  const kept = events
    .filter((event) => isWanted || named.has(event.type))
    .map((event) => ({ event, row: toRow(event) }))
  if (kept.length === 0) return []
  const deliveries = kept.flatMap(({ event, row }) =>
    listeners
      .filter((listener) => wants(listener, event))
      .map((listener) => ({ row, webhookId: listener.id, generation: listener.generation })),
  )
  await together([
    insertEvents(
      trx,
      appId,
      kept.map(({ row }) => row),
    ),
    insertDeliveries(trx, deps, appId, deliveries, events[0]!.occurredAt),
  ])
  return kept.map(({ row }) => row)
}

/** Whether somebody follows the app's events as they happen (events/stream-routes.ts). */
async function isStreamed(trx: Trx, appId: string, now: Date): Promise<boolean> {
  const stream = await trx
    .selectFrom('event_streams')
    .select('id')
    .where('app_id', '=', appId)
    .where('expires_at', '>', now)
    .limit(1)
    .executeTakeFirst()
  return stream !== undefined
}

function wants({ enabled, events, filter }: Listener, event: NewEvent): boolean {
  return enabled && events.includes(event.type) && (!filter || matchesFilter(filter, event.data))
}

function toRow({ type, data, occurredAt }: NewEvent): EventRow {
  const id = newId()
  const body = JSON.stringify({ id, event: type, timestamp: toTimestamp(occurredAt), data })
  return { id, type, body, occurred_at: occurredAt }
}

async function insertEvents(trx: Trx, appId: string, rows: readonly EventRow[]): Promise<void> {
  await sql`
    insert into events (app_id, id, type, body, occurred_at)
    select ${appId}::uuid, id, type, body, occurred_at
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (id uuid, type text, body text, occurred_at timestamptz)`.execute(trx)
}

/** A delivery to be made of an event: to a webhook, as it stands. */
export interface NewDelivery {
  row: { id: string; type: string }
  webhookId: string
  generation: number
  /** The replay that asked for it. */
  replayId?: string
}

/** Inserts deliveries and their Deliver messages in the caller's transaction. @returns the deliveries' ids */
export async function insertDeliveries(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  appId: string,
  given: readonly NewDelivery[],
  now: Date,
): Promise<string[]> {
  if (given.length === 0) return []
  const deliveries = given.map(({ row, webhookId, generation, replayId }) => ({
    id: newId(),
    event_id: row.id,
    event_type: row.type,
    webhook_id: webhookId,
    webhook_generation: generation,
    replay_id: replayId ?? null,
    created_at: now,
  }))
  const inserted = sql`
    insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, replay_id, status,
      next_attempt_at, created_at)
    select ${appId}::uuid, id, event_id, event_type, webhook_id, webhook_generation, replay_id, 'pending',
      created_at, created_at
    from json_to_recordset(${JSON.stringify(deliveries)}::text::json) as row (id uuid, event_id uuid,
      event_type text, webhook_id uuid, webhook_generation int, replay_id uuid, created_at timestamptz)`.execute(
    trx,
  )
  const byWebhook = Map.groupBy(deliveries, (delivery) => delivery.webhook_id)
  const messages = [...byWebhook].map(([webhookId, ofWebhook]) => ({
    appId,
    webhookId,
    attemptCount: 0,
    deliveryIds: ofWebhook.map(({ id }) => id),
  }))
  await together([inserted, enqueueDeliveries(trx, deps, messages)])
  return deliveries.map(({ id }) => id)
}
