import { sql } from 'kysely'
import type { Migration } from 'kysely/migration'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { migrate } from '../../src/platform/db/migrate.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { type PushService, startPushService } from '../support/push-service.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { runCommand } from '../support/service-process.ts'
import { listTables } from '../support/watched-migrations.ts'

/** What the next version may do to the tables of this one: more columns everywhere, in front of nobody's, and a table. */
const expanding: Migration = {
  async up(db) {
    for (const table of await listTables(db as Db)) {
      await sql`
        alter table ${sql.table(table)}
          add column of_the_next_version integer not null default 7,
          add column also_of_the_next_version text`.execute(db)
    }
    await sql`create table of_the_next_version (id uuid primary key)`.execute(db)
  },
}
const next: Record<string, Migration> = { ...migrations, '9998_expand': expanding }

describeOnEachBackend('an upgrade while the version before keeps running', (make) => {
  let storage: TestStorage
  let pushService: PushService
  let receiver: Receiver

  beforeAll(async () => {
    ;[storage, pushService, receiver] = await Promise.all([make(), startPushService(), startReceiver()])
  })

  afterAll(async () => {
    await Promise.all([pushService.stop(), receiver.stop()])
    await storage.drop()
  })

  /** A subscriber, a notification to it, what became of that, and the end of it: all over the API. */
  const wholeRound = async ({ api }: TestService) => {
    const { id } = (await api.post('/push/apps', { name: 'Shop' })).body.data
    const base = `/push/apps/${id}`
    const events = ['notification.sent', 'subscriber.registered', 'subscriber.unsubscribed']
    const hook = await api.post(`${base}/webhooks`, { url: `${receiver.origin}/${id}`, events: [] })
    expect((await api.patch(`${base}/webhooks/${hook.body.data.id}`, { events })).status).toBe(200)
    const { registration } = pushService.makeDevice()
    const subscriber = await api.post(`${base}/subscribers`, registration)
    expect(subscriber.status, JSON.stringify(subscriber.body)).toBe(201)
    const sent = await api.post(`${base}/notifications`, { title: 'News' }, { 'idempotency-key': id })
    await poll(
      () => api.get(`${base}/notifications/${sent.body.data.id}`),
      ({ body }) => body.data.status === 'sent' && body.data.stats.sent_count === 1,
    )
    expect((await api.delete(`${base}/subscribers/${subscriber.body.data.id}`)).status).toBe(204)
    await receiver.waitFor(3, `/${id}`)
    expect(
      receiver
        .to(`/${id}`)
        .map(({ headers }) => headers['x-krafter-event'])
        .sort(),
    ).toEqual(events)
    const logged = await poll(
      () => api.get(`${base}/webhooks/${hook.body.data.id}/deliveries?status=succeeded`),
      ({ body }) => body.data.length === 3,
    )
    expect(logged.status).toBe(200)
  }

  const errorsOf = ({ logs }: TestService) => logs.filter(({ level }) => level === 'error')
  const warningsOf = ({ logs }: TestService) => logs.filter(({ msg }) => msg === 'database.newer')

  test('this version runs on while the next one migrates, and starts again after it', async () => {
    const running = await startTestService(storage)
    const { db } = running.service.deps
    await wholeRound(running)
    expect(await migrate(db, next)).toEqual([])
    await wholeRound(running)
    expect(errorsOf(running)).toEqual([])
    expect(warningsOf(running)).toEqual([])
    await running.stop()
    const { stdout } = await runCommand(['migrate'], storage.env)
    expect(stdout).toBe(
      'The database is newer than this version, which can run with it: it has 9998_expand.\n',
    )

    const again = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: running.api.key })
    expect(warningsOf(again)).toEqual([
      expect.objectContaining({ level: 'warn', migrations: ['9998_expand'], version: expect.any(String) }),
    ])
    await wholeRound(again)
    expect(errorsOf(again)).toEqual([])
    await again.stop()
  })

  test('this version refuses a database whose migrations ask for a later one, and leaves it alone', async () => {
    const running = await startTestService(storage, {}, ['api'])
    const contracting = { '9999_needs_9998_drop_teams': { up: async () => {} } }
    await migrate(running.service.deps.db, { ...next, ...contracting })
    await running.stop()
    const said =
      /^krafter-push: the database is newer than this version: its migration 9999_needs_9998_drop_teams [^\n]+\n$/
    const { code, stderr } = await runCommand(['serve'], { ...storage.env, PORT: '0' })
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(said) })
  })
})
