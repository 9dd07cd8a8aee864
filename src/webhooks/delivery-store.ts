import { sql } from 'kysely'
import type { DeliveryStatus } from '../database.ts'
import type { Db, Trx } from '../platform/db.ts'

/** A delivery that an attempt is to be made of. */
export interface DueDelivery {
  appId: string
  id: string
  webhookId: string
  webhookGeneration: number
  status: DeliveryStatus
  attemptCount: number
  eventId: string
  eventType: string
  body: string
}

/** A webhook as a delivery needs it. */
export interface TargetWebhook {
  id: string
  url: string
  /** Encrypted at rest. */
  secret: Uint8Array | null
  generation: number
}

/** The deliveries of claimed jobs, with their bodies; those whose app is gone are missing. */
export async function readDueDeliveries(
  db: Db,
  keys: readonly { appId: string; id: string }[],
): Promise<DueDelivery[]> {
  const { rows } = await sql<DueDelivery>`
    select d.app_id as "appId", d.id, d.webhook_id as "webhookId", d.webhook_generation as "webhookGeneration",
      d.status, d.attempt_count as "attemptCount", d.event_id as "eventId", e.type as "eventType", e.body
    from json_to_recordset(${JSON.stringify(keys)}::text::json) as key ("appId" uuid, id uuid)
    join deliveries d on d.app_id = key."appId" and d.id = key.id
    join events e on e.app_id = d.app_id and e.id = d.event_id`.execute(db)
  return rows
}

/** Those of the webhooks that are enabled. */
export async function readEnabledWebhooks(
  db: Db,
  keys: readonly { appId: string; webhookId: string }[],
): Promise<TargetWebhook[]> {
  const { rows } = await sql<TargetWebhook>`
    select w.id, w.url, w.secret, w.generation
    from json_to_recordset(${JSON.stringify(keys)}::text::json) as key ("appId" uuid, "webhookId" uuid)
    join webhooks w on w.app_id = key."appId" and w.id = key."webhookId"
    where w.enabled`.execute(db)
  return rows
}

/** An attempt and what it makes of its delivery. */
export interface AttemptRecord {
  app_id: string
  delivery_id: string
  number: number
  id: string
  started_at: Date
  duration_ms: number
  response_status: number | null
  error: string | null
  response_body: string | null
  /** The delivery afterwards. */
  status: DeliveryStatus
  next_attempt_at: Date | null
  finished_at: Date | null
}

/** Writes attempts and moves their deliveries on, in one statement; of deliveries that are gone it writes nothing. */
export async function recordAttempts(trx: Trx, attempts: readonly AttemptRecord[]): Promise<void> {
  if (attempts.length === 0) return
  await sql`
    with made as (
      select * from json_to_recordset(${JSON.stringify(attempts)}::text::json) as row (
        app_id uuid, delivery_id uuid, number int, id uuid, started_at timestamptz, duration_ms int,
        response_status int, error text, response_body text,
        status text, next_attempt_at timestamptz, finished_at timestamptz)
    ), moved as (
      update deliveries d
      set status = made.status, attempt_count = made.number,
        next_attempt_at = made.next_attempt_at, finished_at = made.finished_at
      from made where d.app_id = made.app_id and d.id = made.delivery_id
      returning d.app_id, d.id
    )
    insert into attempts
      (app_id, delivery_id, number, id, started_at, duration_ms, response_status, error, response_body)
    select made.app_id, delivery_id, number, made.id, started_at, duration_ms, response_status, error, response_body
    from made join moved on moved.app_id = made.app_id and moved.id = made.delivery_id`.execute(trx)
}

/** Ends deliveries without an attempt: their webhook was disabled or deleted since. */
export async function cancelDeliveries(
  trx: Trx,
  keys: readonly { appId: string; id: string }[],
  now: Date,
): Promise<void> {
  if (keys.length === 0) return
  await sql`
    update deliveries d set status = 'canceled', next_attempt_at = null, finished_at = ${now}
    from json_to_recordset(${JSON.stringify(keys)}::text::json) as key ("appId" uuid, id uuid)
    where d.app_id = key."appId" and d.id = key.id and d.status = 'pending'`.execute(trx)
}
