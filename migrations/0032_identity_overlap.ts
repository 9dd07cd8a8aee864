import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table apps
    add column previous_identity_secret bytea,
    add column previous_identity_secret_expires_at timestamptz`.execute(db)
}
