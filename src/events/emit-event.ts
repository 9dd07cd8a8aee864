import { sql } from 'kysely'
import type { Deps } from '../deps.ts'
import { deliver } from '../pipeline.ts'
import { toTimestamp } from '../platform/clock.ts'
import type { Trx } from '../platform/db.ts'
import { newId } from '../platform/ids.ts'
import type { EventType } from './catalog.ts'

/** Something that happened and that webhooks may hear of. */
export interface NewEvent {
  appId: string
  type: EventType
  data: Record<string, unknown>
  occurredAt: Date
}

/**
 * Publishes an event in the transaction of the fact: its row, a delivery for each webhook that is enabled and names
 * it at this moment, and their Deliver messages. The body is fixed here, so that every attempt sends the same bytes.
 */
export async function emitEvent(trx: Trx, deps: Pick<Deps, 'queue'>, event: NewEvent): Promise<void> {
  await emitEvents(trx, deps, [event])
}

/** Like {@link emitEvent} for many events at once: a fixed number of statements for each app, however many there are. */
export async function emitEvents(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  events: readonly NewEvent[],
): Promise<void> {
  for (const [appId, ofApp] of Map.groupBy(events, (event) => event.appId)) {
    await emitForApp(trx, deps, appId, ofApp)
  }
}

async function emitForApp(
  trx: Trx,
  deps: Pick<Deps, 'queue'>,
  appId: string,
  events: readonly NewEvent[],
): Promise<void> {
  const rows = events.map((event) => {
    const id = newId()
    const body = JSON.stringify({
      id,
      event: event.type,
      timestamp: toTimestamp(event.occurredAt),
      data: event.data,
    })
    return { id, type: event.type, body, occurred_at: event.occurredAt }
  })
  await sql`
    insert into events (app_id, id, type, body, occurred_at)
    select ${appId}::uuid, id, type, body, occurred_at
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (id uuid, type text, body text, occurred_at timestamptz)`.execute(trx)

  const webhooks = await trx
    .selectFrom('webhooks')
    .select(['id', 'generation', 'events'])
    .where('app_id', '=', appId)
    .where('enabled', '=', true)
    .execute()
  const deliveries = rows.flatMap((row) =>
    webhooks
      .filter((webhook) => webhook.events.includes(row.type))
      .map((webhook) => ({
        id: newId(),
        event_id: row.id,
        webhook_id: webhook.id,
        webhook_generation: webhook.generation,
        created_at: row.occurred_at,
      })),
  )
  if (deliveries.length === 0) return
  await sql`
    insert into deliveries
      (app_id, id, event_id, webhook_id, webhook_generation, status, next_attempt_at, created_at)
    select ${appId}::uuid, id, event_id, webhook_id, webhook_generation, 'pending', created_at, created_at
    from json_to_recordset(${JSON.stringify(deliveries)}::text::json)
      as row (id uuid, event_id uuid, webhook_id uuid, webhook_generation int, created_at timestamptz)`.execute(
    trx,
  )
  await deps.queue.enqueue(
    trx,
    deliver,
    deliveries.map((delivery) => ({ id: delivery.id, group: delivery.webhook_id, message: { appId } })),
  )
}
