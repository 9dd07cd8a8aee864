import { type Kysely, sql } from 'kysely'

/** What is to be sent is found in its own tables, by its time and its rank, instead of in jobs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // When the audience is to be resolved; null: it has been, or is not to be.
  'alter table notifications add column due_at timestamptz',
  // Its place in its app's lane: 0 to 2 are small audiences, 3 to 5 all others; within them high, normal, low.
  'alter table notifications add column rank smallint not null default 4',
  'alter table notifications add column if not exists skipped_count integer not null default 0',
  'alter table notification_batches add column if not exists subscriber_count integer',
  `create index notifications_due on notifications (app_id, rank, due_at, id) where due_at is not null`,
  `create index notifications_open on notifications (app_id, created_at) where status = 'sending'`,
  'alter table notification_batches add column due_at timestamptz not null default now()',
  'alter table notification_batches add column rank smallint not null default 4',
  // Those that are to be tried again; null: the whole key range.
  'alter table notification_batches add column subscriber_ids uuid[]',
  `create index notification_batches_due on notification_batches (app_id, rank, due_at, notification_id, number)
    where completed_at is null`,
  // Accepted by a version that had jobs for it.
  `update notifications set due_at = created_at where status = 'sending' and total_batches = 0`,
]
