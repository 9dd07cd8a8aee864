import { type Kysely, sql } from 'kysely'

/** Who owns which lanes (src/engine/), and the order in which a webhook wants its deliveries. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Processes with a worker, as they were last heard of.
  `create table workers (
    id uuid primary key,
    seen_at timestamptz not null
  )`,
  `create table lane_leases (
    bucket smallint primary key,
    owner uuid,
    expires_at timestamptz
  )`,
  'insert into lane_leases (bucket) select generate_series(0, 63)',
  // The work list of each webhook, in the order in which it comes due.
  `create index deliveries_due on deliveries (app_id, webhook_id, next_attempt_at, id) where status = 'pending'`,
  'alter table webhooks add column ordered text',
  // What deliveries of a webhook that wants them in order per subscriber wait for each other by.
  'alter table deliveries add column order_key text',
]
