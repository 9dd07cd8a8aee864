import { sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'

/** Requests of one subject in its window, summed over all processes. */
export interface SharedCount {
  key: string
  points: number
  /** When the window ends, in milliseconds since 1970. */
  expire: number
}

/**
 * Adds counts to the counts of the other processes, in one statement for any number of subjects. If a subject has no
 * open window, the window of the given count begins.
 *
 * @returns the total counts of the subjects' windows
 */
export async function addCounts(
  db: Db,
  counted: readonly SharedCount[],
  nowMs: number,
): Promise<SharedCount[]> {
  const column = (name: keyof SharedCount) => sql.val(counted.map((one) => one[name]))
  const { rows } = await sql<SharedCount>`
    insert into rate_limits as kept (key, points, expire)
    select key, points, expire
    from unnest(${column('key')}::text[], ${column('points')}::int[], ${column('expire')}::bigint[])
      as counted (key, points, expire)
    -- Always in the same order, so that two processes never wait for each other.
    order by key
    on conflict (key) do update set
      points = excluded.points + case when kept.expire > ${nowMs}::bigint then kept.points else 0 end,
      expire = case when kept.expire > ${nowMs}::bigint then kept.expire else excluded.expire end
    returning key, points, expire::float8`.execute(db)
  return rows
}

export async function deleteWindowsBefore(db: Db, endedAtMs: number): Promise<void> {
  await sql`delete from rate_limits where expire < ${endedAtMs}::bigint`.execute(db)
}
