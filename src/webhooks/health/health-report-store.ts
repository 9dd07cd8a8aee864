import { sql } from 'kysely'
import { dayMs } from '../../platform/clock.ts'
import type { Db } from '../../platform/db/db.ts'
import { readByIndex } from '../../platform/db/read-by-index.ts'
import { firstIdOf } from '../../platform/ids.ts'

/** How a webhook answered recently. */
export interface HealthReport {
  attempts: number
  succeeded: number
  p50Ms: number | null
  p95Ms: number | null
  oldestPendingAt: Date | null
}

export const windowMs = dayMs
/** How many deliveries are read: enough for a meaningful report, few enough to read in some 20 ms. */
const maxDeliveries = 10_000

/** Reports the attempts of the last 24 hours, for at most the newest {@link maxDeliveries} deliveries. */
export async function reportHealth(
  db: Db,
  appId: string,
  webhookId: string,
  now: Date,
): Promise<HealthReport> {
  const since = new Date(now.getTime() - windowMs)
  const { rows } = await readByIndex(db, (connection) =>
    sql<Omit<HealthReport, 'oldestPendingAt'>>`
    with recent as (
      select id from deliveries
      where app_id = ${appId}::uuid and webhook_id = ${webhookId}::uuid and id >= ${firstIdOf(since)}::uuid
      order by id desc limit ${maxDeliveries}
    )
    select count(*)::int as attempts, count(*) filter (where a.error is null)::int as succeeded,
      percentile_disc(0.5) within group (order by a.duration_ms) as "p50Ms",
      percentile_disc(0.95) within group (order by a.duration_ms) as "p95Ms"
    from recent join attempts a on a.app_id = ${appId}::uuid and a.delivery_id = recent.id
      and a.delivery_id >= ${firstIdOf(since)}::uuid`.execute(connection),
  )
  const oldest = await db
    .selectFrom('deliveries')
    .select('created_at')
    .where('app_id', '=', appId)
    .where('webhook_id', '=', webhookId)
    .where('status', '=', 'pending')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return { ...rows[0]!, oldestPendingAt: oldest?.created_at ?? null }
}
