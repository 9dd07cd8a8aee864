import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table vapid_pairs (
    app_id uuid not null references apps (id) on delete cascade,
    number smallint not null,
    public_key text not null,
    private_key bytea not null,
    created_at timestamptz not null,
    primary key (app_id, number),
    unique (app_id, public_key)
  )`,
  // 0 is the pair that an app was made with: what the previous version writes, without knowing of numbers, is right.
  `alter table apps add column vapid_pair smallint not null default 0`,
  `alter table subscribers add column vapid_pair smallint not null default 0`,
]
