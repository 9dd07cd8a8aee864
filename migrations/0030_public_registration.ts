import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Made here, so that apps have one which are there already, or made by the version before.
  `alter table apps
    add column publishable_key text not null default 'pk_live_' || replace(gen_random_uuid()::text, '-', ''),
    add column public_registration json,
    add column identity_secret bytea`,
  `create unique index apps_publishable_key on apps (publishable_key)`,
]
