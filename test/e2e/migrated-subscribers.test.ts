import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { migrate, type OpenDatabase } from '../../src/platform/db.ts'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../support/backends.ts'

/** The last migration before those that change what is known of subscribers. */
const before = Object.keys(migrations)
  .filter((name) => name < '0004')
  .at(-1)!

describeOnEachBackend('subscribers of an earlier version', (make) => {
  let storage: TestStorage
  let database: OpenDatabase
  const [teamId, appId, otherAppId] = [randomUUID(), randomUUID(), randomUUID()]

  /** A database as the earlier version left it. */
  beforeAll(async () => {
    storage = await make()
    database = await openDatabase(storage)
    const { db } = database
    await sql`drop schema public cascade`.execute(db)
    await sql`create schema public`.execute(db)
    const { error } = await new Migrator({
      db,
      provider: { getMigrations: async () => migrations },
    }).migrateTo(before)
    expect(error).toBeUndefined()
    await sql`insert into teams (id, name, created_at) values (${teamId}, 'T', now())`.execute(db)
    await sql`
      insert into apps (id, team_id, name, vapid_public_key, vapid_private_key, settings, created_at, updated_at)
      select id, ${teamId}::uuid, 'A', '', '', '{}', now(), now()
      from unnest(${sql.val([appId, otherAppId])}::uuid[]) as id`.execute(db)
    await add(appId, 'active', 5)
    await add(appId, 'inactive', 3)
    await add(appId, 'unsubscribed', 2)
    await migrate(db)
  })

  afterAll(async () => {
    await database.close()
    await storage.drop()
  })

  /** As the earlier version inserts. */
  const add = (app: string, status: string, count: number) =>
    sql`
      insert into subscribers (app_id, id, platform, token, token_hash, tags, metadata, status, last_seen_at,
        created_at, updated_at)
      select ${app}::uuid, gen_random_uuid(), 'android', token, sha256(convert_to('android:' || token, 'UTF8')), '{}',
        '{}', ${status}, now(), now(), now()
      from (select gen_random_uuid()::text as token from generate_series(1, ${count}::int)) as made`.execute(
      database.db,
    )

  const countOf = async (app: string) => {
    const { rows } = await sql<{ count: number }>`
      select coalesce(sum(count), 0)::int as count from subscriber_counts where app_id = ${app}`.execute(
      database.db,
    )
    return rows[0]!.count
  }

  test('are counted, and so are those that it adds and deletes beside the new one', async () => {
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([5, 0])
    await add(appId, 'active', 2)
    await add(otherAppId, 'active', 1)
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([7, 1])
    await sql`delete from apps where id = ${otherAppId}`.execute(database.db)
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([7, 0])
  })
})
