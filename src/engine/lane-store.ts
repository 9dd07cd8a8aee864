import { sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'

/** More buckets than processes are useful on one database. Each owner's lanes are spread over several buckets. */
export const bucketCount = 64

/** The buckets that a process holds. */
export interface Holding {
  buckets: number[]
  /** Number of processes with a worker that were seen within one lease period, including this one. */
  processes: number
}

/** A process that has not been seen for this many lease periods is forgotten. */
const forgottenAfterLeases = 6

/**
 * Renews all leases of a process and leases free buckets up to a fair share, in one statement. It leases overdue ones
 * beyond its share: the process for which they are kept may be dead. A time too far ahead is from before the
 * database's clock was set back, so it counts as over.
 *
 * @param take false: only renew, and no longer count this process, so that others take the buckets it gives back
 */
export async function renewBuckets(db: Db, owner: string, leaseMs: number, take: boolean): Promise<Holding> {
  const lease = sql`make_interval(secs => ${leaseMs / 1_000}::float8)`
  const { rows } = await sql<{ buckets: number[] | null; processes: number }>`
    with beat as (
      insert into workers (id, seen_at) select ${owner}::uuid, now() where ${take}::boolean
      on conflict (id) do update set seen_at = excluded.seen_at
    ), forgotten as (
      delete from workers where (id <> ${owner}::uuid and seen_at < now() - ${lease} * ${forgottenAfterLeases}::int)
        or (id = ${owner}::uuid and not ${take}::boolean)
    ), live as (
      select count(*)::int + 1 as processes from workers
      where id <> ${owner}::uuid and seen_at > now() - ${lease} and seen_at < now() + ${lease}
    ), renewed as (
      update lane_leases set expires_at = now() + ${lease} where owner = ${owner}::uuid returning bucket
    ), free as (
      select bucket from lane_leases
      where owner is null
        or (owner <> ${owner}::uuid and (expires_at < now() or expires_at > now() + ${lease} * 2))
      order by expires_at, bucket
      limit case when ${take}::boolean then greatest(ceil(${bucketCount}::float8 / (select processes from live))
        - (select count(*) from lane_leases where owner = ${owner}::uuid),
        (select count(*) from lane_leases where owner is distinct from ${owner}::uuid and expires_at < now())) else 0 end
      for update skip locked
    ), taken as (
      update lane_leases set owner = ${owner}::uuid, expires_at = now() + ${lease}
      where bucket in (select bucket from free) returning bucket
    )
    select (select processes from live) as processes,
      (select array_agg(bucket order by bucket)
        from (select bucket from renewed union select bucket from taken) held) as buckets`.execute(db)
  return { buckets: rows[0]!.buckets ?? [], processes: rows[0]!.processes }
}

/** PostgreSQL channel on which a process tells the others that it gave buckets back. */
const channel = 'krafter_push_buckets'

export function onBucketsReleased(notices: Notices, released: () => void): void {
  notices.on(channel, { received: released, missed: released })
}

/**
 * Gives buckets back. A process that gives back all its buckets leaves `workers`.
 *
 * @param keptMs processes with less than their share may take the buckets at once, any other after this time
 */
export async function releaseBuckets(
  db: Db,
  owner: string,
  buckets: readonly number[],
  keptMs: number,
): Promise<void> {
  await sql`
    with released as (
      update lane_leases set owner = null, expires_at = now() + make_interval(secs => ${keptMs / 1_000}::float8)
      where owner = ${owner}::uuid and bucket = any(${sql.val(buckets)}::smallint[])
    ), gone as (
      delete from workers where id = ${owner}::uuid and not exists (
        select from lane_leases where owner = ${owner}::uuid and bucket <> all(${sql.val(buckets)}::smallint[]))
    )
    select pg_notify(${channel}, '')`.execute(db)
}
