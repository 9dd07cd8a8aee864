import { sql } from 'kysely'
import { laneName, newDeliveries } from '../announcements.ts'
import { selectHeldApps } from '../apps/app-lock-store.ts'
import type { Database } from '../database.ts'
import type { EventKey } from '../events/event-store.ts'
import { pipelined, type Trx } from '../platform/db/db.ts'
import { isOneOf } from '../platform/db/is-one-of.ts'
import { newId } from '../platform/ids.ts'

/** A delivery to create: an event, and the webhook in its current generation. */
export interface NewDelivery {
  appId: string
  event: EventKey
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
  const deliveries = given.map(({ event, ...rest }, index) => {
    return { ...rest, id: ids[index]!, eventId: event.id, eventType: event.type }
  })
  const inserted = sql`
    insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, order_key, replay_id,
      status, next_attempt_at, created_at)
    select "appId", id, "eventId", "eventType", "webhookId", generation, "subscriberId", "replayId", 'pending',
      ${now}::timestamptz, ${now}::timestamptz
    from json_to_recordset(${JSON.stringify(deliveries)}::text::json) as row ("appId" uuid, id uuid, "eventId" uuid,
      "eventType" text, "webhookId" uuid, generation int, "subscriberId" text, "replayId" uuid)`.execute(trx)
  await pipelined([inserted, newDeliveries.announce(trx, given.map(laneName))])
  return ids
}

/** An attempt, and the new state of its delivery. */
export type AttemptRecord = Database['attempts'] &
  Pick<Database['deliveries'], 'status' | 'next_attempt_at' | 'finished_at'>

/**
 * Writes attempts and updates their deliveries, in one statement. It writes nothing for a delivery that is gone or
 * already has an attempt of this number, or whose app is being deleted: nobody waits for a deletion.
 *
 * @returns the ids of the updated deliveries
 */
export async function recordAttempts(trx: Trx, attempts: readonly AttemptRecord[]): Promise<Set<string>> {
  if (attempts.length === 0) return new Set()
  const keys = attempts.map((attempt) => ({ appId: attempt.app_id, id: attempt.delivery_id }))
  const made = attempts.map((attempt) => ({
    ...attempt,
    started_at: attempt.started_at.toISOString(),
    next_attempt_at: attempt.next_attempt_at?.toISOString(),
    finished_at: attempt.finished_at?.toISOString(),
  }))
  const { rows } = await sql<{ id: string }>`
    with made as (
      select * from json_to_recordset(${JSON.stringify(made)}::text::json) as row (
        app_id uuid, delivery_id uuid, number int, id uuid, started_at timestamptz, duration_ms int,
        response_status int, error text, reason text, response_body text,
        status text, next_attempt_at timestamptz, finished_at timestamptz)
    ), held as (${selectHeldApps(appIdsOf(keys), 'skip locked')}
    ), moved as (
      update deliveries d
      set status = made.status, attempt_count = made.number,
        next_attempt_at = made.next_attempt_at, finished_at = made.finished_at
      from made where d.app_id = made.app_id and d.id = made.delivery_id and d.attempt_count = made.number - 1
        and ${isOneOf('d', keys)} and d.app_id = any(array(select held.id from held))
      returning d.app_id, d.id
    )
    insert into attempts
      (app_id, delivery_id, number, id, started_at, duration_ms, response_status, error, reason, response_body)
    select made.app_id, delivery_id, number, made.id, started_at, duration_ms, response_status, error, reason,
      response_body
    from made join moved on moved.app_id = made.app_id and moved.id = made.delivery_id
    returning delivery_id as id`.execute(trx)
  return new Set(rows.map(({ id }) => id))
}

/** A delivery with the attempt count known to its holder, who may act on it only while the count is unchanged. */
export interface HeldDelivery {
  appId: string
  id: string
  attemptCount: number
}

/** Cancels deliveries without an attempt, because their webhook was disabled or deleted since. */
export async function cancelDeliveries(trx: Trx, held: readonly HeldDelivery[], now: Date): Promise<void> {
  if (held.length === 0) return
  const keys = held.map(({ appId, id, attemptCount }) => ({ appId, id, attemptCount }))
  await sql`
    with held as (${selectHeldApps(appIdsOf(keys), 'skip locked')})
    update deliveries d set status = 'canceled', next_attempt_at = null, finished_at = ${now}
    from json_to_recordset(${JSON.stringify(keys)}::text::json) as known (id uuid, "attemptCount" int)
    where ${isOneOf('d', keys)} and d.id = known.id and d.attempt_count = known."attemptCount"
      and d.status = 'pending' and d.app_id = any(array(select held.id from held))`.execute(trx)
}

function appIdsOf(keys: readonly { appId: string }[]): string[] {
  return keys.map(({ appId }) => appId)
}
