import { sql } from 'kysely'
import { laneChanges, laneName, sendingDue } from '../../src/announcements.ts'
import type { Service } from '../../src/app.ts'
import { emitEvents, type NewEvent } from '../../src/deliveries/publish-event.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { newId } from '../../src/platform/ids.ts'
import { tokenHash } from '../../src/subscribers/token-name.ts'
import type { Device } from './push-service.ts'

/** Publishes events as a stage does, all in one transaction; `data.n` counts them from 0. */
export async function emit(
  { deps }: Pick<Service, 'deps'>,
  appId: string,
  count = 1,
  type: NewEvent['type'] = 'notification.sent',
  data: object = {},
): Promise<void> {
  const occurredAt = deps.clock.now()
  // Their data is no event's: what is delivered is what was published, whatever it is.
  const events = Array.from(
    { length: count },
    (_, n) => ({ appId, type, data: { ...data, n }, occurredAt }) as never,
  )
  await deps.db.transaction().execute((trx) => emitEvents(trx, events))
}

/** Registers devices, far quicker than the API does one by one. Returns the subscribers' ids, ascending, in their order. */
export async function insertDevices(db: Db, appId: string, devices: readonly Device[]): Promise<string[]> {
  // Those made within one millisecond are in no order of their own.
  const ids = devices.map(newId).sort()
  const rows = devices.map(({ registration: { token, keys } }, index) => ({
    id: ids[index]!,
    token,
    hash: tokenHash('web', token).toString('base64'),
    p256dh: Buffer.from(keys.p256dh, 'base64url').toString('base64'),
    auth: Buffer.from(keys.auth, 'base64url').toString('base64'),
  }))
  await sql`
    insert into subscribers (app_id, id, platform, token, token_hash, p256dh, auth, tags, metadata, status,
      last_seen_at, created_at, updated_at)
    select ${appId}::uuid, id, 'web', token, decode(hash, 'base64'), decode(p256dh, 'base64'),
      decode(auth, 'base64'), '{}', '{}', 'active', now(), now(), now()
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (id uuid, token text, hash text, p256dh text, auth text)`.execute(db)
  return ids
}

/** A webhook's deliveries, oldest first. */
export async function deliveriesOf(db: Db, webhookId: string) {
  return db.selectFrom('deliveries').selectAll().where('webhook_id', '=', webhookId).orderBy('id').execute()
}

/** A webhook's attempts, by delivery and number. */
export async function attemptsOf(db: Db, webhookId: string) {
  return db
    .selectFrom('attempts')
    .innerJoin('deliveries', 'deliveries.id', 'attempts.delivery_id')
    .selectAll('attempts')
    .where('webhook_id', '=', webhookId)
    .orderBy('delivery_id')
    .orderBy('number')
    .execute()
}

/** Jobs of a queue that wait for their time. */
export async function waitingJobs(db: Db, queue: string): Promise<{ id: string; waitSeconds: number }[]> {
  const { rows } = await sql<{ id: string; waitSeconds: number }>`
    select id, extract(epoch from start_after - now())::float8 as "waitSeconds" from pgboss.job
    where name = ${queue} and state < 'active' order by start_after`.execute(db)
  return rows
}

/** Batches that wait for their time. */
export async function waitingBatches(db: Db): Promise<{ waitSeconds: number }[]> {
  const { rows } = await sql<{ waitSeconds: number }>`
    select extract(epoch from due_at - now())::float8 as "waitSeconds" from notification_batches
    where completed_at is null order by due_at`.execute(db)
  return rows
}

/** Makes the waiting batches due, where a test would have to wait for seconds or minutes, and tells their lanes. */
export async function makeBatchesDue(db: Db): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ appId: string }>`
      update notification_batches set due_at = now() where completed_at is null and due_at > now()
      returning app_id as "appId"`.execute(trx)
    await sendingDue.announce(
      trx,
      rows.map(({ appId }) => appId),
    )
  })
}

/** Deliveries whose next attempt waits for its time. */
export async function waitingDeliveries(db: Db): Promise<{ id: string; waitSeconds: number }[]> {
  const { rows } = await sql<{ id: string; waitSeconds: number }>`
    select id, extract(epoch from next_attempt_at - now())::float8 as "waitSeconds" from deliveries
    where status = 'pending' order by next_attempt_at`.execute(db)
  return rows
}

/** Makes the waiting deliveries due, where a test would have to wait for seconds or minutes, and tells their lanes. */
export async function makeDeliveriesDue(db: Db): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ appId: string; webhookId: string }>`
      update deliveries set next_attempt_at = now() where status = 'pending' and next_attempt_at > now()
      returning app_id as "appId", webhook_id as "webhookId"`.execute(trx)
    // Lanes remember for how long a delivery holds others back.
    await laneChanges.announce(trx, rows.map(laneName))
  })
}

/** Makes the waiting jobs of a queue due, where a test would have to wait for minutes, and tells its workers. */
export async function makeDue(db: Db, queue: string): Promise<void> {
  await sql`
    update pgboss.job set start_after = now() where name = ${queue} and state < 'active' and start_after > now()`.execute(
    db,
  )
  // As pg-boss names its channel.
  await sql`
    select pg_notify('pgboss_' || left(encode(sha224('pgboss'::bytea), 'hex'), 24), ${queue})`.execute(db)
}

/** Lets the leases on lanes lapse now instead of in seconds, as if their process had been dead for so long. */
export async function expireLeases(db: Db): Promise<void> {
  await sql`
    with forgotten as (delete from workers)
    update lane_leases set expires_at = now() - interval '1 second' where owner is not null`.execute(db)
}

/** Makes the claims on jobs as old as they are when the leases of a dead process lapse. */
export async function ageClaims(db: Db): Promise<void> {
  await sql`
    update pgboss.job set started_on = started_on - interval '10 seconds' where state = 'active'`.execute(db)
}
