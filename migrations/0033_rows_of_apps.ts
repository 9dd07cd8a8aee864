import { type Kysely, sql } from 'kysely'

/**
 * A trigger deletes the subscribers and notifications of deleted apps, in place of foreign keys. Whoever inserts such
 * rows holds their app (apps/app-store.ts): a foreign key locked it again for each row, a quarter of a registration's cost
 * in the embedded database.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // One app at a time: planned as a join, it could read all rows of all apps.
  `create function delete_rows_of_apps() returns trigger language plpgsql as $$
  declare
    app record;
  begin
    for app in select id from old_rows loop
      delete from notifications where app_id = app.id;
      delete from subscribers where app_id = app.id;
    end loop;
    return null;
  end $$`,
  `create trigger delete_rows after delete on apps
    referencing old table as old_rows for each statement execute function delete_rows_of_apps()`,
  'alter table notifications drop constraint notifications_app_id_fkey',
  'alter table subscribers drop constraint subscribers_app_id_fkey',
]
