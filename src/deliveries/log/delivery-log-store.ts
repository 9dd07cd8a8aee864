import { type RawBuilder, sql } from 'kysely'
import type { DeliveryStatus } from '../../database.ts'
import type { Db } from '../../platform/db/db.ts'
import { readByIndex } from '../../platform/db/read-by-index.ts'
import { firstIdOf, type IdRange, momentOfId } from '../../platform/ids.ts'

/** A delivery as logged, with the result of its last attempt. */
export interface LoggedDelivery {
  id: string
  webhookId: string
  eventId: string
  eventType: string
  status: DeliveryStatus
  attemptCount: number
  nextAttemptAt: Date | null
  replayId: string | null
  createdAt: Date
  finishedAt: Date | null
  /** Null before the first attempt. */
  startedAt: Date | null
  durationMs: number | null
  responseStatus: number | null
  error: string | null
  reason: string | null
}

/** A query for a webhook's deliveries. */
export interface DeliveryQuery extends IdRange {
  status: DeliveryStatus | undefined
  event: string | undefined
  /** Only deliveries older than this one. */
  after: string | undefined
  limit: number
}

/** Lists deliveries to a webhook, newest first: `limit`, and one more if there are more. */
export async function listDeliveries(
  db: Db,
  appId: string,
  webhookId: string,
  { status, event, from, before, after, limit }: DeliveryQuery,
): Promise<LoggedDelivery[]> {
  const conditions = [
    sql`app_id = ${appId} and webhook_id = ${webhookId}`,
    // A constant lets the planner always see that the index of unsuccessful deliveries contains this status.
    status && sql`status = ${sql.lit(status)}`,
    event && sql`event_type = ${event}`,
    from && sql`id >= ${from}`,
    before && sql`id < ${before}`,
    after && sql`id < ${after}`,
  ]
  const page = sql`select * from deliveries where ${allOf(conditions)} order by id desc limit ${limit + 1}`
  return readByIndex(db, (connection) => readDeliveries(connection, page))
}

/** @returns undefined when the webhook has no such delivery */
export async function readDelivery(
  db: Db,
  appId: string,
  webhookId: string,
  id: string,
): Promise<LoggedDelivery | undefined> {
  const [delivery] = await readDeliveries(
    db,
    sql`select * from deliveries where app_id = ${appId} and webhook_id = ${webhookId} and id = ${id}`,
  )
  return delivery
}

const maxPerEvent = 1_000

/** Lists deliveries of an event, newest first, up to 1,000: one for each webhook and replay. */
export async function listDeliveriesOf(db: Db, appId: string, eventId: string): Promise<LoggedDelivery[]> {
  return readDeliveries(
    db,
    sql`select * from deliveries
      where app_id = ${appId} and event_id = ${eventId} and id >= ${firstDeliveryOf(eventId)}
      order by id desc limit ${maxPerEvent}`,
  )
}

/** An attempt as logged. */
export type LoggedAttempt = Awaited<ReturnType<typeof listAttempts>>[number]

export async function listAttempts(db: Db, appId: string, deliveryId: string) {
  return db
    .selectFrom('attempts')
    .select([
      'id',
      'number',
      'started_at as startedAt',
      'duration_ms as durationMs',
      'response_status as responseStatus',
      'error',
      'reason',
      'response_body as responseBody',
    ])
    .where('app_id', '=', appId)
    .where('delivery_id', '=', deliveryId)
    .orderBy('number')
    .execute()
}

/** Looks up the last attempt for each row of a page: planned as a join, it could read the whole table instead. */
async function readDeliveries(db: Db, page: RawBuilder<unknown>): Promise<LoggedDelivery[]> {
  const { rows } = await sql<LoggedDelivery>`
    select d.id, d.webhook_id as "webhookId", d.event_id as "eventId", d.event_type as "eventType", d.status,
      d.attempt_count as "attemptCount", d.next_attempt_at as "nextAttemptAt", d.replay_id as "replayId",
      d.created_at as "createdAt", d.finished_at as "finishedAt", a.started_at as "startedAt",
      a.duration_ms as "durationMs", a.response_status as "responseStatus", a.error, a.reason
    from (${page}) d
    left join lateral (
      select started_at, duration_ms, response_status, error, reason from attempts
      where app_id = d.app_id and delivery_id = d.id and number = d.attempt_count limit 1
    ) a on true
    order by d.id desc`.execute(db)
  return rows
}

function allOf(conditions: readonly (RawBuilder<unknown> | '' | undefined)[]): RawBuilder<unknown> {
  return sql.join(
    conditions.filter((condition) => condition),
    sql` and `,
  )
}

/** Milliseconds by which the clocks of several machines may differ. */
const marginMs = 60_000

/**
 * Returns a lower bound on the ids of the deliveries of an event or a replay, so that earlier partitions are not
 * searched.
 */
export function firstDeliveryOf(id: string): string {
  return firstIdOf(new Date(Math.max(0, momentOfId(id).getTime() - marginMs)))
}
