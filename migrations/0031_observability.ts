import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table upkeep_runs (
    task text primary key,
    succeeded_at timestamptz not null
  )`,
  'alter table webhooks add column traceparent boolean not null default false',
]
