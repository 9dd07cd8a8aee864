import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Answer, Api } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { deliveriesOf, emit } from '../support/database.ts'
import { makeKey } from '../support/keys.ts'
import { startTestService, type TestService } from '../support/service.ts'

const dayMs = 86_400_000
const usedBefore = {
  status: 422,
  body: { error: 'Validation failed', details: { 'Idempotency-Key': ['was used for another request'] } },
}

/** Each POST that takes an API key: what to send, the same in other words, and a request that is another. */
interface Case {
  path: string
  body?: object
  same?: object
  other?: object
}

/** `POST`s of the description that take an API key, e.g. `/push/apps/{app_id}/webhooks`. */
const described = Object.entries<Record<string, { security?: object[] }>>(
  JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')).paths,
)
  .filter(([, operations]) => operations.post?.security?.some((scheme) => 'key' in scheme))
  .map(([path]) => path.replace('/api/v1', ''))

describeOnEachBackend('Idempotency-Key on every POST', (make) => {
  let running: TestService
  let api: Api
  let base: string
  let ids: Record<string, string>

  beforeAll(async () => {
    running = await startTestService(await make(), {}, ['api'])
    api = running.api
  })

  afterAll(() => running.end())

  beforeEach(async () => {
    running.clock.ahead = 0
    const app = (await api.post('/push/apps', { name: 'A' })).body.data
    base = `/push/apps/${app.id}`
    const webhook = await api.post(`${base}/webhooks`, {
      url: 'https://127.0.0.1:9/hook',
      events: ['notification.sent'],
    })
    const subscriber = await api.post(`${base}/subscribers`, { platform: 'android', token: 'first' })
    await emit(running.service, app.id)
    const [delivery] = await deliveriesOf(running.service.deps.db, webhook.body.data.id)
    const window = { since: '2026-01-01T00:00:00Z' }
    const replay = await api.post(`${base}/webhooks/${webhook.body.data.id}/replay`, window)
    ids = {
      app_id: app.id,
      webhook_id: webhook.body.data.id,
      subscriber_id: subscriber.body.data.id,
      delivery_id: delivery!.id,
      replay_id: replay.body.data.id,
    }
  })

  const cases: Case[] = [
    {
      path: '/push/apps',
      body: { name: 'B', settings: { a: 1, b: null } },
      same: { settings: { a: 1 }, name: 'B' },
      other: { name: 'C', settings: { a: 1 } },
    },
    {
      path: '/push/apps/{app_id}/subscribers',
      body: { platform: 'android', token: 'second', metadata: { a: 1, b: 2 } },
      same: { metadata: { b: 2, a: 1 }, token: 'second', platform: 'android', user_id: null },
      other: { platform: 'android', token: 'third', metadata: { a: 1, b: 2 } },
    },
    {
      path: '/push/apps/{app_id}/subscribers/batch',
      body: { subscribers: [{ platform: 'android', token: 'second', tags: ['a'] }, { platform: 'android' }] },
      same: { subscribers: [{ tags: ['a'], token: 'second', platform: 'android' }, { platform: 'android' }] },
      other: { subscribers: [{ platform: 'android', token: 'third' }] },
    },
    { path: '/push/apps/{app_id}/subscribers/{subscriber_id}/unsubscribe' },
    {
      path: '/push/apps/{app_id}/notifications',
      body: { title: 'T', data: { a: 1, b: 2 } },
      same: { data: { b: 2, a: 1 }, body: null, title: 'T', misspelt: 1 },
      other: { title: 'T', data: { a: 1, b: 3 } },
    },
    {
      path: '/push/apps/{app_id}/notifications/batch',
      body: { notifications: [{ title: 'T', data: { a: 1 } }, { title: 'U' }] },
      same: { notifications: [{ data: { a: 1 }, title: 'T', body: null }, { title: 'U' }] },
      other: { notifications: [{ title: 'U' }] },
    },
    {
      path: '/push/apps/{app_id}/webhooks',
      body: { url: 'https://127.0.0.1:9/other', secret: 'my own', events: ['notification.sent'] },
      same: {
        events: ['notification.sent'],
        enabled: true,
        secret: 'my own',
        url: 'https://127.0.0.1:9/other',
      },
      other: { url: 'https://127.0.0.1:9/other', secret: 'another', events: ['notification.sent'] },
    },
    { path: '/push/apps/{app_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay' },
    {
      path: '/push/apps/{app_id}/webhooks/{webhook_id}/replay',
      body: { since: '2026-01-01T00:00:00Z', status: 'all' },
      same: { status: 'all', since: '2026-01-01T01:00:00+01:00' },
      other: { since: '2026-01-01T00:00:00Z' },
    },
    { path: '/push/apps/{app_id}/webhooks/{webhook_id}/replays/{replay_id}/cancel' },
    {
      path: '/push/apps/{app_id}/webhooks/{webhook_id}/test',
      body: { event: 'notification.sent' },
      other: { event: 'notification.failed' },
    },
    {
      path: '/push/apps/{app_id}/rotate-identity-secret',
      same: { overlap_seconds: 86_400 },
      other: { overlap_seconds: 60 },
    },
    {
      path: '/push/apps/{app_id}/webhooks/{webhook_id}/rotate-secret',
      body: {},
      same: { overlap_seconds: 86_400 },
      other: { overlap_seconds: 60 },
    },
  ]

  const post = (path: string, body: object | undefined, key: string): Promise<Answer> => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name]!)
    const headers = { 'idempotency-key': key, ...(body && { 'content-type': 'application/json' }) }
    return api.send(filled, { method: 'POST', headers, body: body && JSON.stringify(body) })
  }

  /** How many rows there are of whatever a POST makes, and when what it changes was changed. */
  const snapshot = async () => {
    const { rows } = await sql`select
      (select array_agg(identity_secret::text order by id) from apps) as apps,
      (select array_agg(status || updated_at::text order by id) from subscribers) as subscribers,
      (select count(*) from notifications) as notifications,
      (select array_agg(updated_at::text || secret::text order by id) from webhooks) as webhooks,
      (select count(*) from deliveries) as deliveries,
      (select count(*) from events) as events,
      (select array_agg(status order by id) from replays) as replays,
      (select count(*) from idempotency_keys) as keys`.execute(running.service.deps.db)
    return rows[0]
  }

  test('there is a case for every one', () => {
    expect(cases.map(({ path }) => path).sort()).toEqual([...described].sort())
  })

  test.each(cases)('$path', async ({ path, body, same, other }) => {
    const first = await post(path, body, 'key')
    expect(first.status).toBeOneOf([200, 201, 202])
    const after = await snapshot()
    running.clock.ahead = 60_000
    for (const again of [body, same ?? body]) {
      const answer = await post(path, again, 'key')
      expect({ status: answer.status, body: answer.body }).toEqual({ status: first.status, body: first.body })
      expect(Object.keys(answer.body.data)).toEqual(Object.keys(first.body.data))
    }
    if (other) expect(await post(path, other, 'key')).toMatchObject(usedBefore)
    expect(await snapshot()).toEqual(after)
    if (path === '/push/apps')
      return expect((await post(path, body, randomUUID())).body).not.toEqual(first.body)
    // A key is one request's, whatever its route.
    expect(await post('/push/apps/{app_id}/notifications', { title: 'Another' }, 'key')).toMatchObject(
      usedBefore,
    )
    await sql`delete from idempotency_keys`.execute(running.service.deps.db)
  })

  test('requests at once with one key make one change', async () => {
    for (const [path, body] of [
      ['/push/apps', { name: 'At once' }],
      ['/push/apps/{app_id}/webhooks', { url: 'https://127.0.0.1:9/hook' }],
      ['/push/apps/{app_id}/subscribers', { platform: 'android', token: 'at-once' }],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => post(path, body, 'at once')))
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
      expect(new Set(answers.map(({ body }) => body.data.id)).size).toBe(1)
      await sql`delete from idempotency_keys`.execute(running.service.deps.db)
    }
    expect((await api.get(`${base}/webhooks`)).body.data).toHaveLength(2)
  })

  test('what is refused leaves the key unused, and a change that fails leaves nothing of it', async () => {
    const path = '/push/apps/{app_id}/subscribers'
    expect((await post(path, { platform: 'web', token: 'https://127.0.0.1:9/x' }, 'refused')).status).toBe(
      422,
    )
    const { db } = running.service.deps
    await sql`alter table webhooks rename to webhooks_away`.execute(db)
    const fails = { platform: 'android', token: 'fails' }
    expect((await post(path, fails, 'refused')).status).toBe(500)
    await sql`alter table webhooks_away rename to webhooks`.execute(db)
    expect(await snapshot()).toMatchObject({ keys: expect.toBeOneOf([0, '0', 0n]) })
    expect((await api.get(`${base}/subscribers`)).body.data).toHaveLength(1)
    expect((await post(path, fails, 'refused')).status).toBe(201)
    await sql`delete from idempotency_keys`.execute(db)
  })

  test('a change and its answer commit together', async () => {
    const { db } = running.service.deps
    await sql`alter table idempotency_keys add constraint none check (answer is null)`.execute(db)
    const before = await snapshot()
    for (const { path, body } of cases) {
      expect({ path, status: (await post(path, body, 'together')).status }).toEqual({ path, status: 500 })
    }
    expect(await snapshot()).toEqual(before)
    await sql`alter table idempotency_keys drop constraint none`.execute(db)
    expect((await post(cases[0]!.path, cases[0]!.body, 'together')).status).toBe(201)
    await sql`delete from idempotency_keys`.execute(db)
  })

  test('a key is of one team and one app, and of a day', async () => {
    const notification = { title: 'T' }
    const path = '/push/apps/{app_id}/notifications'
    const first = await post(path, notification, 'mine')
    const stranger = (await makeKey(running, { team: 'strangers' })).api
    const theirs = await stranger.post(`${base}/notifications`, notification, { 'idempotency-key': 'mine' })
    expect(theirs.status).toBe(404)
    const app = await post('/push/apps', { name: 'Mine' }, 'mine')
    expect(app.status).toBe(201)
    const other = await stranger.post('/push/apps', { name: 'Theirs' }, { 'idempotency-key': 'mine' })
    expect(other.status).toBe(201)
    running.clock.ahead = dayMs + 1_000
    const next = await post(path, { title: 'U' }, 'mine')
    expect(next.status).toBe(201)
    expect(next.body.data.id).not.toBe(first.body.data.id)
  })

  test('what is kept for it shows no secret', async () => {
    const rotated = await post('/push/apps/{app_id}/webhooks/{webhook_id}/rotate-secret', {}, 'secret')
    const app = await post('/push/apps', { name: 'Secret' }, 'secret')
    const { rows } = await sql<{ row: string }>`
      select k::text || encode(coalesce(answer, ''), 'escape') as row from idempotency_keys k`.execute(
      running.service.deps.db,
    )
    const stored = rows.map(({ row }) => row).join()
    for (const secret of [rotated.body.data.secret, app.body.data.vapid_private_key]) {
      expect(stored).not.toContain(secret)
    }
    expect(stored).not.toContain('vapid')
  })
})
