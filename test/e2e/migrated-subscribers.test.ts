import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import type { Platform } from '../../src/database.ts'
import type { OpenDatabase } from '../../src/platform/db/db.ts'
import { migrate } from '../../src/platform/db/migrate.ts'
import { tokenHash } from '../../src/subscribers/token-name.ts'
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
    await Promise.all(spellings.map(([name, status, age]) => addWeb(name, status, age)))
    await sql`
      insert into subscribers (app_id, id, platform, token, token_hash, tags, metadata, status, last_seen_at,
        created_at, updated_at)
      select ${otherAppId}::uuid, gen_random_uuid(), 'ios', token, sha256(convert_to('ios:' || token, 'UTF8')), '{}',
        '{}', 'inactive', now(), now(), now() from unnest(array['ABCD', 'ABcd', 'EF']) as token`.execute(db)
    await migrate(db)
  })

  /** How an endpoint is written, its status, and how many days ago it changed. */
  const spellings = [
    ['https://push.example/1', 'inactive', 0],
    ['https://PUSH.example/1', 'unsubscribed', 1],
    ['https://push.example:443/1', 'active', 2],
    [' https://push.example/2#a', 'active', 3],
    ['https://push.example/./2', 'active', 4],
    ['https://push.example', 'inactive', 5],
    ['https://push.example/A?b=C', 'inactive', 6],
  ] as const

  const addWeb = (token: string, status: string, age: number) =>
    sql`
      insert into subscribers (app_id, id, platform, token, token_hash, tags, metadata, status, last_seen_at,
        created_at, updated_at)
      values (${otherAppId}, gen_random_uuid(), 'web', ${token}, sha256(convert_to('web:' || ${token}, 'UTF8')), '{}',
        '{}', ${status}, now(), now(), now() - ${age} * interval '1 day')`.execute(database.db)

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

  test('have their tokens in one spelling, and one subscriber for each', async () => {
    const { rows } = await sql<{ platform: Platform; token: string; hash: Buffer; status: string }>`
      select platform, token, token_hash as hash, status from subscribers where app_id = ${otherAppId}
      order by platform, lower(token), status`.execute(database.db)
    expect(rows.map(({ platform, token, status }) => [platform, token, status])).toEqual([
      ['ios', expect.stringMatching(/^ABCD$/i), 'inactive'],
      ['ios', 'EF', 'inactive'],
      ['web', 'https://push.example/', 'inactive'],
      ['web', 'https://push.example/1', 'unsubscribed'],
      ['web', 'https://push.example/2', 'active'],
      ['web', 'https://push.example/A?b=C', 'inactive'],
    ])
    for (const { platform, token, hash } of rows)
      expect(Buffer.from(hash)).toEqual(tokenHash(platform, token))
  })

  test('are counted, and so are those that it adds and deletes beside the new one', async () => {
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([5, 1])
    await add(appId, 'active', 2)
    await add(otherAppId, 'active', 1)
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([7, 2])
    await sql`delete from apps where id = ${otherAppId}`.execute(database.db)
    expect([await countOf(appId), await countOf(otherAppId)]).toEqual([7, 0])
  })
})
