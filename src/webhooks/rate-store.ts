import { sql } from 'kysely'
import type { Db } from '../platform/db.ts'

/** How many requests may start now, and when the next one may if none. */
export interface RateGrant {
  granted: number
  /** Milliseconds; 0 when something was granted. */
  waitMs: number
}

/** What may start at once after a rest: a tenth of a second's worth, and one at least. */
const burstSeconds = (perSecond: number) => Math.max(0.1, 1 / perSecond)

/**
 * Takes up to `wanted` of a webhook's requests per second, counted over all processes by the database's clock: the
 * generic cell rate algorithm, whose state is the moment until which the rate is used up (ITU-T I.371, annex A).
 */
export async function takeRate(
  db: Db,
  webhookId: string,
  perSecond: number,
  wanted: number,
): Promise<RateGrant> {
  const grant = await take(db, webhookId, perSecond, wanted)
  if (grant) return grant
  await sql`
    insert into webhook_rates (webhook_id, next_free_at)
    values (${webhookId}::uuid, clock_timestamp()) on conflict do nothing`.execute(db)
  return (await take(db, webhookId, perSecond, wanted)) ?? { granted: 0, waitMs: 1_000 }
}

/** One statement that locks the row, so that processes take turns. @returns undefined when there is no row yet */
async function take(
  db: Db,
  webhookId: string,
  perSecond: number,
  wanted: number,
): Promise<RateGrant | undefined> {
  const burst = burstSeconds(perSecond)
  const { rows } = await sql<RateGrant>`
    with used as (
      select greatest(next_free_at, clock_timestamp()) as until, clock_timestamp() as now from webhook_rates
      where webhook_id = ${webhookId}::uuid for update
    ), room as (
      select until, extract(epoch from now - until)::float8 as gap from used
    ), grants as (
      select until, gap, greatest(0, least(${wanted}::int,
        floor((gap + ${burst}::float8) * ${perSecond}::float8 + 1e-6)))::int as granted from room
    )
    update webhook_rates set next_free_at = until + make_interval(secs => granted / ${perSecond}::float8)
    from grants where webhook_id = ${webhookId}::uuid
    returning granted, case when granted > 0 then 0
      else ceil((1 / ${perSecond}::float8 - ${burst}::float8 - gap) * 1000)::int end as "waitMs"`.execute(db)
  return rows[0]
}
