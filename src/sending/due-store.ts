import { sql } from 'kysely'
import type { DueLane } from '../engine/lane-set.ts'
import type { MessageContent } from '../message-content.ts'
import { largeRank, rankCount } from '../notifications/rank.ts'
import type { Db } from '../platform/db/db.ts'
import { readByIndex } from '../platform/db/read-by-index.ts'

/** How much to read of one app's lane. */
export interface LaneRead {
  appId: string
  /** Maximum rows of each rank: `small` for ranks of small audiences, `large` for the others. */
  small: number
  large: number
}

/** The fields of a notification that sending needs. */
export interface SentNotification {
  appId: string
  id: string
  title: string
  content: MessageContent
  targeting: unknown
  rank: number
  /** When its time to live began. */
  startedAt: Date
}

/** A notification whose audience has yet to be resolved. */
export interface DueNotification extends SentNotification {
  dueAt: Date
}

/** A part of a notification's audience to send to: a key range, or a retry of some subscribers in it. */
export interface DueBatch extends SentNotification {
  number: number
  attempt: number
  dueAt: Date
  first: string
  last: string
  /** Number of active subscribers in the batch when it was created. */
  subscriberCount: number | null
  /** Subscribers to retry; null: all in the key range. */
  subscriberIds: string[] | null
}

const startedAt = sql`coalesce(n.scheduled_at, n.created_at)`
/** Written out, not passed as values: otherwise the reads would be planned again for each call, half of their time. */
const ranks = sql`generate_series(0, ${sql.lit(rankCount - 1)}) as rank (rank)`
const limitOfRank = sql`case when rank.rank < ${sql.lit(largeRank)} then lane.small else lane.large end`

/**
 * Reads the first notifications by due time, for each rank of each lane. Some may be due only later. States of later
 * versions are left to them. The condition is written so that the planner does not choose the index of that state.
 *
 * @param taken keys (page.ts) of notifications to leave out
 */
export async function readDueNotifications(
  db: Db,
  lanes: readonly LaneRead[],
  taken: readonly string[],
): Promise<DueNotification[]> {
  if (lanes.length === 0) return []
  const { rows } = await sql<DueNotification>`
    select n.app_id as "appId", n.id, n.title, n.content, n.targeting, n.rank,
      n.due_at as "dueAt", ${startedAt} as "startedAt"
    from ${laneRows(lanes)} cross join ${ranks}
    cross join lateral (
      select * from notifications
      where app_id = lane.app_id and notifications.rank = rank.rank and due_at is not null
        and status || '' = 'sending' and id || ' ' not in ${rowsOf(taken)}
      order by due_at, id limit ${limitOfRank}
    ) n
    order by n.rank, n.due_at, n.id`.execute(db)
  return rows
}

/**
 * Reads the first open batches by due time, for each rank of each lane. Some may be due only later.
 *
 * @param taken keys (page.ts) of batches to leave out
 */
export async function readDueBatches(
  db: Db,
  lanes: readonly LaneRead[],
  taken: readonly string[],
): Promise<DueBatch[]> {
  if (lanes.length === 0) return []
  const { rows } = await sql<DueBatch>`
    select b.app_id as "appId", b.notification_id as id, b.number, b.attempt, b.rank, b.due_at as "dueAt",
      b.first_subscriber_id as first, b.last_subscriber_id as last, b.subscriber_count as "subscriberCount",
      b.subscriber_ids as "subscriberIds", n.title, n.content, n.targeting,
      ${startedAt} as "startedAt"
    from ${laneRows(lanes)} cross join ${ranks}
    cross join lateral (
      select * from notification_batches
      where app_id = lane.app_id and notification_batches.rank = rank.rank and completed_at is null
        and notification_id || ' ' || number not in ${rowsOf(taken)}
      order by due_at, notification_id, number limit ${limitOfRank}
    ) b
    join notifications n on n.app_id = b.app_id and n.id = b.notification_id
    order by b.rank, b.due_at, b.notification_id, b.number`.execute(db)
  return rows
}

/**
 * A subquery, because the planner would compare each element of an array with every index and partition. The inner one
 * hides the array's length, see `anyOf`.
 */
function rowsOf(keys: readonly string[]) {
  return sql`(select unnest((select ${sql.val(keys)}::text[])))`
}

function laneRows(lanes: readonly LaneRead[]) {
  const rows = lanes.map(({ appId, small, large }) => ({ app_id: appId, small, large }))
  return sql`json_to_recordset(${JSON.stringify(rows)}::text::json) as lane (app_id uuid, small int, large int)`
}

/**
 * Finds the apps that have something to send, and when, by skipping from app to app in the indexes. Ranks that this
 * version does not know are left to a later version.
 */
export async function findDueApps(db: Db): Promise<DueLane[]> {
  const { rows } = await readByIndex(db, (connection) =>
    sql<DueLane>`
    with recursive resolving as (
      (select app_id from notifications where due_at is not null order by app_id limit 1)
      union all
      select next.app_id from resolving cross join lateral (
        select app_id from notifications where due_at is not null and app_id > resolving.app_id
        order by app_id limit 1) next
    ), sending as (
      (select app_id from notification_batches where completed_at is null order by app_id limit 1)
      union all
      select next.app_id from sending cross join lateral (
        select app_id from notification_batches where completed_at is null and app_id > sending.app_id
        order by app_id limit 1) next
    ), apps as (
      select app_id from resolving union select app_id from sending
    )
    select "appId", "laneId", "firstDueAt" from (
      select app_id as "appId", app_id as "laneId", least(
      (select min(first.due_at) from ${ranks} cross join lateral (
        select due_at from notifications n
        where n.app_id = apps.app_id and n.rank = rank.rank and due_at is not null order by due_at limit 1) first),
      (select min(first.due_at) from ${ranks} cross join lateral (
        select due_at from notification_batches b
        where b.app_id = apps.app_id and b.rank = rank.rank and completed_at is null order by due_at limit 1) first)
    ) as "firstDueAt" from apps) due
    where "firstDueAt" is not null`.execute(connection),
  )
  return rows
}

/** Finds notifications of the apps that have been sending since `startedBefore` or longer, and so are overdue. */
export async function findOverdue(
  db: Db,
  appIds: readonly string[],
  startedBefore: Date,
  limit: number,
): Promise<{ appId: string; notificationId: string }[]> {
  const { rows } = await readByIndex(db, (connection) =>
    sql<{ appId: string; notificationId: string }>`
    select app_id as "appId", id as "notificationId" from notifications
    where app_id = any(${sql.val(appIds)}::uuid[]) and status = 'sending' and due_at is null
      and created_at <= ${startedBefore} and coalesce(scheduled_at, created_at) <= ${startedBefore}
    limit ${limit}`.execute(connection),
  )
  return rows
}
