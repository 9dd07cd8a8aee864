import { sql } from 'kysely'
import type { DueLane } from '../../engine/lane-set.ts'
import type { Db } from '../../platform/db/db.ts'
import { pipelined } from '../../platform/db/db.ts'
import { readByIndex } from '../../platform/db/read-by-index.ts'
import { type DueWebhook, readDueWebhooks } from '../due-webhook-store.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import type { Order } from './lane.ts'

/** The read to make for one lane. */
export interface LaneRead {
  appId: string
  webhookId: string
  limit: number
  /** Set: read in the order of the events, due or not; null: in the order of due times. */
  ordered: Order | null
  /** Keys whose deliveries are left out. */
  blockedKeys: readonly string[]
  /** Deliveries with smaller ids are left out; null: none. */
  fromId: string | null
}

/** A lane with pending deliveries. */
export interface PendingLane extends DueLane {
  /** The smallest id of the lane's pending deliveries. */
  firstId: string
}

/**
 * Reads the first pending deliveries of some lanes and their webhooks: two statements, three when some lanes are
 * ordered, however many lanes there are.
 *
 * @param underWay ids of deliveries to leave out
 * @param oldestId no pending delivery has a smaller id, so earlier partitions are not read
 * @returns each lane's deliveries in their order; webhooks by id, without disabled and deleted ones
 */
export async function readLanes(
  db: Db,
  reads: readonly LaneRead[],
  underWay: readonly string[],
  oldestId: string,
  now: Date,
): Promise<{ pending: Map<string, PendingDelivery[]>; webhooks: Map<string, DueWebhook> }> {
  const [byDueTime, inOrder, webhooks] = await readByIndex(db, (connection) =>
    pipelined([
      readPending(
        connection,
        reads.filter((read) => read.ordered === null),
        underWay,
        oldestId,
        'due',
      ),
      readPending(
        connection,
        reads.filter((read) => read.ordered !== null),
        underWay,
        oldestId,
        'event',
      ),
      readDueWebhooks(connection, reads, now),
    ]),
  )
  return { pending: Map.groupBy([...byDueTime, ...inOrder], (delivery) => delivery.webhookId), webhooks }
}

const orders = {
  due: sql`next_attempt_at, id`,
  event: sql`id`,
}

/**
 * Makes one index look-up per lane and one per event: planned as joins, they could read the whole log. The ids to leave out are a
 * subquery: with an array, the planner would compare each element with every partition, 5 ms for a hundred ids.
 */
async function readPending(
  db: Db,
  reads: readonly LaneRead[],
  underWay: readonly string[],
  oldestId: string,
  order: keyof typeof orders,
): Promise<PendingDelivery[]> {
  if (reads.length === 0) return []
  const lanes = reads.map(({ appId, webhookId, limit, blockedKeys, fromId }) => ({
    app_id: appId,
    webhook_id: webhookId,
    max: limit,
    blocked: blockedKeys,
    first: fromId ?? oldestId,
  }))
  const isOpen = reads.some(({ blockedKeys }) => blockedKeys.length > 0)
    ? sql`and id >= lane.first and coalesce(order_key, '') not in (select json_array_elements_text(lane.blocked))`
    : sql``
  const { rows } = await sql<PendingDelivery>`
    select d.app_id as "appId", d.id, d.webhook_id as "webhookId", d.webhook_generation as generation,
      d.attempt_count as "attemptCount", coalesce(d.next_attempt_at, 'infinity') as "nextAttemptAt", d.event_id as "eventId",
      d.event_type as "eventType", e.body, d.order_key as "orderKey",
      e.id is null or d.replay_id is not null and exists (
        select from replays r where r.app_id = d.app_id and r.id = d.replay_id and r.status = 'canceled'
      ) as "isCanceled"
    from json_to_recordset(${JSON.stringify(lanes)}::text::json)
      as lane (app_id uuid, webhook_id uuid, max int, blocked json, first uuid)
    cross join lateral (
      select * from deliveries
      where app_id = lane.app_id and webhook_id = lane.webhook_id and status = 'pending'
        and id >= ${oldestId}::uuid and id not in (select unnest(${sql.val(underWay)}::uuid[])) ${isOpen}
      order by ${orders[order]} limit lane.max
    ) d
    left join lateral (select id, body from events where app_id = d.app_id and id = d.event_id limit 1) e on true
    order by ${order === 'due' ? sql`d.next_attempt_at, d.id` : sql`d.id`}`.execute(db)
  return rows
}

/** Finds every lane with pending deliveries, by skipping from one webhook to the next in the index. */
export async function findPendingLanes(db: Db): Promise<PendingLane[]> {
  const { rows } = await readByIndex(db, (connection) =>
    sql<PendingLane>`
    with recursive lane as (
      (select app_id, webhook_id from deliveries where status = 'pending' order by app_id, webhook_id limit 1)
      union all
      select next.app_id, next.webhook_id from lane cross join lateral (
        select app_id, webhook_id from deliveries
        where status = 'pending' and (app_id, webhook_id) > (lane.app_id, lane.webhook_id)
        order by app_id, webhook_id limit 1
      ) next
    )
    select lane.app_id as "appId", lane.webhook_id as "laneId", coalesce(due.at, 'infinity') as "firstDueAt", first.id as "firstId"
    from lane cross join lateral (
      select next_attempt_at as at from deliveries
      where app_id = lane.app_id and webhook_id = lane.webhook_id and status = 'pending'
      order by next_attempt_at limit 1
    ) due cross join lateral (
      select id from deliveries
      where app_id = lane.app_id and webhook_id = lane.webhook_id and status = 'pending' order by id limit 1
    ) first`.execute(connection),
  )
  return rows
}
