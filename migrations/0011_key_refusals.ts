import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table subscribers
    add column inactive_reason text,
    add column key_refusals smallint not null default 0,
    add column key_refused_at timestamptz`,
]
