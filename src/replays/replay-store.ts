import { type Insertable, type Selection, sql } from 'kysely'
import type { Database } from '../database.ts'
import type { HeldDelivery } from '../deliveries/delivery-store.ts'
import { firstDeliveryOf } from '../deliveries/log/delivery-log-store.ts'
import type { EventKey } from '../events/event-store.ts'
import type { Db, Trx } from '../platform/db/db.ts'

const columns = [
  'id',
  'webhook_id as webhookId',
  'since',
  'until',
  'events',
  'selection',
  'status',
  'event_count as eventCount',
  'created_at as createdAt',
  'finished_at as finishedAt',
] as const

/** A replay creates new deliveries of past events for one webhook. */
export type Replay = Selection<Database, 'replays', (typeof columns)[number]>

/** Inserts a replay that is running. */
export async function insertReplay(
  trx: Trx,
  replay: Omit<Insertable<Database['replays']>, 'status'>,
): Promise<Replay> {
  return trx
    .insertInto('replays')
    .values({ ...replay, status: 'running' })
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Lists replays, newest first: `limit`, plus one when there are more. @param after lists only older replays */
export async function listReplays(
  db: Db,
  appId: string,
  webhookId: string,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<Replay[]> {
  return db
    .selectFrom('replays')
    .select(columns)
    .where('app_id', '=', appId)
    .where('webhook_id', '=', webhookId)
    .$if(after !== undefined, (query) => query.where('id', '<', after!))
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
}

/** @returns undefined when the webhook has no such replay */
export async function readReplay(
  db: Db,
  appId: string,
  webhookId: string,
  id: string,
): Promise<Replay | undefined> {
  return db
    .selectFrom('replays')
    .select(columns)
    .where('app_id', '=', appId)
    .where('webhook_id', '=', webhookId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** A replay that is locked: nobody else can continue or end it until the transaction ends. */
export type HeldReplay = NonNullable<Awaited<ReturnType<typeof holdReplay>>>

export async function holdReplay(trx: Trx, appId: string, id: string) {
  return trx
    .selectFrom('replays')
    .select([
      ...columns,
      'app_id as appId',
      'webhook_generation as generation',
      'last_event_id as lastEventId',
    ])
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** @param lastEventId the last processed event. @param made deliveries created since the last call */
export async function moveReplay(
  trx: Trx,
  { appId, id }: HeldReplay,
  lastEventId: string | null,
  made: number,
): Promise<void> {
  await trx
    .updateTable('replays')
    .set((eb) => ({ last_event_id: lastEventId, event_count: eb('event_count', '+', made) }))
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .execute()
}

export async function endReplay(
  trx: Trx,
  { appId, id }: HeldReplay,
  status: 'completed' | 'canceled',
  now: Date,
): Promise<Replay> {
  return trx
    .updateTable('replays')
    .set({ status, finished_at: now })
    .where('app_id', '=', appId)
    .where('id', '=', id)
    .returning(columns)
    .executeTakeFirstOrThrow()
}

/** Deletes replays that ended so long ago that their deliveries are deleted. */
export async function deleteOldReplays(db: Db, before: Date): Promise<void> {
  await db.deleteFrom('replays').where('finished_at', '<', before).execute()
}

/** Counts the pending deliveries of a replay, up to `most`. */
export async function countPending(db: Db, appId: string, id: string, most: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from (select ${pendingOf(appId, id)} limit ${most}) pending`.execute(db)
  return rows[0]!.count
}

/**
 * Locks the pending deliveries of a replay, except those whose attempt is being recorded: the recording transaction
 * may be waiting for other deliveries of the replay.
 */
export async function lockPending(trx: Trx, { appId, id }: HeldReplay): Promise<HeldDelivery[]> {
  const { rows } = await sql<HeldDelivery>`
    select app_id as "appId", id, attempt_count as "attemptCount" ${pendingOf(appId, id)}
    for update skip locked`.execute(trx)
  return rows
}

const pendingOf = (appId: string, id: string) => sql`
  from deliveries
  where app_id = ${appId} and replay_id = ${id} and status = 'pending' and id >= ${firstDeliveryOf(id)}`

/**
 * Finds which of the events (oldest first) the webhook received or is about to receive. Each event is looked up
 * separately, because a join could be planned to read the whole log.
 */
export async function findReceived(
  trx: Trx,
  { appId, webhookId }: HeldReplay,
  events: readonly EventKey[],
): Promise<Set<string>> {
  if (events.length === 0) return new Set()
  const ids = events.map(({ id }) => id)
  const { rows } = await sql<{ id: string }>`
    select event.id from unnest(${sql.val(ids)}::uuid[]) as event (id)
    cross join lateral (
      select from deliveries
      where app_id = ${appId} and event_id = event.id and webhook_id = ${webhookId}
        and status in ('succeeded', 'pending') and id >= ${firstDeliveryOf(ids[0]!)}
      limit 1
    ) received`.execute(trx)
  return new Set(rows.map(({ id }) => id))
}
