import { sql } from 'kysely'
import type { Db } from '../platform/db/db.ts'

/** Notes that a scheduled job has succeeded. */
export async function recordUpkeep(db: Db, task: string, now: Date): Promise<void> {
  await sql`
    insert into upkeep_runs (task, succeeded_at) values (${task}, ${now})
    on conflict (task) do update set succeeded_at = excluded.succeeded_at`.execute(db)
}

/** @returns when each scheduled job last succeeded, in any process; those that never did are left out */
export async function readUpkeep(db: Db): Promise<{ task: string; succeededAt: Date }[]> {
  return db.selectFrom('upkeep_runs').select(['task', 'succeeded_at as succeededAt']).execute()
}
