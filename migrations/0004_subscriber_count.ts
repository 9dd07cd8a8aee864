import { type Kysely, sql } from 'kysely'

/**
 * The active subscribers of each app, kept by triggers: whoever changes `subscribers` counts, programs of an earlier
 * version too.
 *
 * An app's count is the sum of its parts. A statement adds its change to a part that no other transaction holds, and
 * makes a new one where all are held: no registration ever waits for another, and there are never more parts than
 * transactions at once. No foreign key: its locks could close a circle with the deletion of an app.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const added = `select app_id, 1 as change from new_rows where status = 'active'`
const removed = `select app_id, -1 as change from old_rows where status = 'active'`

const counter = (name: string, rows: string) => `
  create function ${name}() returns trigger language plpgsql as $$
  declare
    changed record;
  begin
    for changed in
      select app_id, sum(change) as change from (${rows}) as row group by app_id having sum(change) <> 0
    loop
      update subscriber_counts set count = count + changed.change
      where (app_id, part) = (
        select app_id, part from subscriber_counts where app_id = changed.app_id limit 1 for update skip locked);
      if not found then
        insert into subscriber_counts (app_id, part, count)
        values (changed.app_id, gen_random_uuid(), changed.change);
      end if;
    end loop;
    return null;
  end $$`

const statements = [
  `create table subscriber_counts (
    app_id uuid not null,
    part uuid not null,
    count bigint not null,
    primary key (app_id, part)
  ) with (fillfactor = 50)`,
  counter('count_inserted_subscribers', added),
  counter('count_updated_subscribers', `${added} union all ${removed}`),
  // Those that go with their app are deleted after the counts are.
  counter('count_deleted_subscribers', `${removed} and exists (select from apps where id = app_id)`),
  `create function forget_subscriber_counts() returns trigger language plpgsql as $$
  begin
    delete from subscriber_counts where app_id in (select id from old_rows);
    return null;
  end $$`,
  // From here to the end of the migration nobody else changes subscribers: what is counted below is complete.
  `create trigger count_inserted after insert on subscribers
    referencing new table as new_rows for each statement execute function count_inserted_subscribers()`,
  `create trigger count_updated after update on subscribers
    referencing old table as old_rows new table as new_rows
    for each statement execute function count_updated_subscribers()`,
  `create trigger count_deleted after delete on subscribers
    referencing old table as old_rows for each statement execute function count_deleted_subscribers()`,
  `create trigger forget_counts after delete on apps
    referencing old table as old_rows for each statement execute function forget_subscriber_counts()`,
  `insert into subscriber_counts (app_id, part, count)
    select app_id, gen_random_uuid(), count(*) from subscribers where status = 'active' group by app_id`,
]
