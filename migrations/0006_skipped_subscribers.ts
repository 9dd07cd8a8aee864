import { type Kysely, sql } from 'kysely'

/** How many subscribers left between the cut of an audience and the sending. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table notifications add column skipped_count integer not null default 0`.execute(db)
  // How many were in the range when it was cut; null: cut by an earlier version.
  await sql`alter table notification_batches add column subscriber_count integer`.execute(db)
}
