import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Apps are created with a key, too: then `app_id` holds the team's id. Rows of an app go with it by hand.
  `alter table idempotency_keys drop constraint idempotency_keys_app_id_fkey`,
  `alter table idempotency_keys alter column response drop not null`,
  `alter table idempotency_keys add column status integer`,
  `alter table idempotency_keys add column answer bytea`,
]
