import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createKeyCommands } from '../../src/access/key-commands.ts'
import { generateKey } from '../../src/access/key-format.ts'
import { revokeKey } from '../../src/access/key-store.ts'
import { type Answer, type Api, createApi, poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { makeKey } from '../support/keys.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { recordStatements } from '../support/statements.ts'

const unauthorized = { error: 'Invalid or missing API key' }
const insufficientScope = { error: 'Insufficient scope' }
const notFound = { error: 'Not found' }
const internalError = { error: 'Internal server error' }

const lowerCaseUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** Empty: the service's own defaults. */
const defaultLimits = {
  KRAFTER_RATE_LIMIT_DEFAULT: '',
  KRAFTER_RATE_LIMIT_STRICT: '',
  KRAFTER_RATE_LIMIT_PUBLIC: '',
  KRAFTER_RATE_LIMIT_UNAUTHORIZED: '',
}

const json = { 'content-type': 'application/json' }
const maxBodyBytes = 1_048_576
/** A process that was not told reads keys and apps again after five seconds. */
const atOnceMs = 4_000

/** What a team has: an app and one thing of each kind in it. */
interface Things {
  app: string
  subscriber: string
  notification: string
  webhook: string
}

const androidSubscriber = (token: string) => ({ platform: 'android', token })
const webhookUrl = 'https://127.0.0.1:9/hook'

async function makeThings(api: Api): Promise<Things> {
  const app = (await api.post('/push/apps', { name: 'A' })).body.data.id
  const base = `/push/apps/${app}`
  const [subscriber, notification, webhook] = await Promise.all([
    api.post(`${base}/subscribers`, androidSubscriber('device-1')),
    api.post(`${base}/notifications`, { title: 'T', targeting: { type: 'user_ids', ids: ['nobody'] } }),
    api.post(`${base}/webhooks`, { url: webhookUrl }),
  ])
  // What is still under way would change between two looks at it.
  await poll(
    () => api.get(`${base}/notifications/${notification.body.data.id}`),
    ({ body }) => body.data.status === 'sent',
  )
  return {
    app,
    subscriber: subscriber.body.data.id,
    notification: notification.body.data.id,
    webhook: webhook.body.data.id,
  }
}

type Call = { method: string; path: string; body?: unknown }

/** Every route that has an app in its path, each with a body that it takes. */
function callsTo({ app, subscriber, notification, webhook }: Things): Call[] {
  const base = `/push/apps/${app}`
  return [
    { method: 'GET', path: base },
    { method: 'PATCH', path: base, body: { name: 'Mine now' } },
    { method: 'GET', path: `${base}/subscribers` },
    { method: 'POST', path: `${base}/subscribers`, body: androidSubscriber('device-2') },
    { method: 'GET', path: `${base}/subscribers/${subscriber}` },
    { method: 'PATCH', path: `${base}/subscribers/${subscriber}`, body: { user_id: 'mine' } },
    { method: 'POST', path: `${base}/subscribers/${subscriber}/unsubscribe` },
    { method: 'DELETE', path: `${base}/subscribers/${subscriber}` },
    { method: 'GET', path: `${base}/notifications` },
    { method: 'POST', path: `${base}/notifications`, body: { title: 'Mine' } },
    { method: 'GET', path: `${base}/notifications/${notification}` },
    { method: 'GET', path: `${base}/webhooks` },
    { method: 'POST', path: `${base}/webhooks`, body: { url: webhookUrl } },
    { method: 'GET', path: `${base}/webhooks/${webhook}` },
    {
      method: 'POST',
      path: `${base}/webhooks/${webhook}/replay`,
      body: { since: '2026-01-01T00:00:00Z', events: ['notification.sent'] },
    },
    { method: 'PATCH', path: `${base}/webhooks/${webhook}`, body: { enabled: false } },
    { method: 'GET', path: `${base}/webhooks/${webhook}/deliveries` },
    { method: 'POST', path: `${base}/webhooks/${webhook}/test`, body: {} },
    { method: 'GET', path: `${base}/webhooks/${webhook}/replays` },
    { method: 'GET', path: `${base}/events` },
    { method: 'DELETE', path: `${base}/webhooks/${webhook}` },
    { method: 'DELETE', path: base },
  ]
}

const perform = (api: Api, { method, path, body }: Call): Promise<Answer> =>
  api.send(path, body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) })

/** All that a client can see of an app. */
async function readAll(api: Api, app: string): Promise<unknown> {
  const base = `/push/apps/${app}`
  const paths = [base, `${base}/subscribers`, `${base}/notifications`, `${base}/webhooks`]
  return Promise.all(paths.map(async (path) => (await api.get(path)).body))
}

/** Every value of a body by the name of its field, however deep. */
function fieldsOf(value: unknown): [string, unknown][] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    [name, inner] as [string, unknown],
    ...fieldsOf(inner),
  ])
}

function rateLimitOf({ headers }: Answer) {
  const read = (name: string) => {
    const value = headers.get(`x-ratelimit-${name}`)
    return value === null ? null : Number(value)
  }
  return { limit: read('limit'), remaining: read('remaining'), reset: read('reset') }
}

/** The limit of the last bucket that counts a call. */
const limitOf = ({ method, path }: Call): number =>
  method === 'POST' && /\/(subscribers|test)$/.test(path) ? 1_800 : 6_000

function expectRateLimit(answer: Answer, limit: number): void {
  const { remaining, reset, ...rest } = rateLimitOf(answer)
  expect(rest).toEqual({ limit })
  expect(remaining).toBeGreaterThanOrEqual(0)
  expect(remaining).toBeLessThanOrEqual(limit)
  const now = Date.now() / 1_000
  expect(reset).toBeGreaterThanOrEqual(Math.floor(now))
  expect(reset).toBeLessThanOrEqual(now + 61)
}

describeOnEachBackend('conventions', (make) => {
  let storage: TestStorage
  let running: TestService
  let api: Api
  let things: Things

  beforeAll(async () => {
    storage = await make()
    running = await startTestService(storage, defaultLimits)
    api = running.api
    things = await makeThings(api)
  })

  afterAll(async () => {
    await running.stop()
    await storage.drop()
  })

  describe('keys', () => {
    const ask = (authorization: string | undefined) =>
      api.withKey(null).send('/push/apps', authorization === undefined ? {} : { headers: { authorization } })

    test('a key that is missing, malformed or unknown', async () => {
      const { key } = api
      const refused = [
        undefined,
        '',
        'Bearer',
        'Bearer ',
        key,
        `Basic ${key}`,
        `Token ${key}`,
        'Bearer nonsense',
        `Bearer ${key}x`,
        `Bearer ${key.slice(0, -1)}`,
        `Bearer ${key} ${key}`,
        `Bearer ${key.replace('kr_live_', 'kr_test_')}`,
        `Bearer ${generateKey()}`,
      ]
      for (const authorization of refused) {
        const answer = await ask(authorization)
        expect({ authorization, status: answer.status, body: answer.body }).toEqual({
          authorization,
          status: 401,
          body: unauthorized,
        })
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
        expectRateLimit(answer, 1_200)
      }
      expect((await ask(`Bearer ${key}`)).status).toBe(200)
      // RFC 9110 §11.1: the scheme's name is case-insensitive.
      expect((await ask(`bearer ${key}`)).status).toBe(200)
      expect((await api.withKey(null).get(`/push/apps?api_key=${key}`)).status).toBe(401)
    })

    test('a client counts by its own address, whatever it says of another', async () => {
      const remaining = []
      for (const address of ['203.0.113.1', '203.0.113.2', '203.0.113.3']) {
        const headers = { 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}` }
        remaining.push(rateLimitOf(await api.withKey(null).send('/push/apps', { headers })).remaining!)
      }
      expect(remaining).toEqual([remaining[0], remaining[0]! - 1, remaining[0]! - 2])
    })

    test('a key works until it expires', async () => {
      const now = Date.now()
      const expired = await makeKey(running, { expiresAt: new Date(now - 1_000) })
      expect(await expired.api.get('/push/apps')).toMatchObject({ status: 401, body: unauthorized })
      const expiring = await makeKey(running, { expiresAt: new Date(now + 3_600_000) })
      expect((await expiring.api.get('/push/apps')).status).toBe(200)
      running.clock.ahead = 3_601_000
      expect(await expiring.api.get('/push/apps')).toMatchObject({ status: 401, body: unauthorized })
      running.clock.ahead = 0
    })

    test('a key works until it is revoked', async () => {
      const revoked = await makeKey(running)
      expect((await revoked.api.get('/push/apps')).status).toBe(200)
      await revokeKey(running.service.deps.db, revoked.id, new Date())
      const answer = await poll(
        () => revoked.api.get('/push/apps'),
        ({ status }) => status !== 200,
        atOnceMs,
      )
      expect(answer).toMatchObject({ status: 401, body: unauthorized })
      expect(await revoked.api.post('/push/apps', { name: 'No' })).toMatchObject({ status: 401 })
    })

    test('a revoked key is refused within a second, though nobody heard of it', async () => {
      const { id, api } = await makeKey(running)
      expect((await api.get('/push/apps')).status).toBe(200)
      // As when the announcement was lost with the connection that listens.
      await sql`update api_keys set revoked_at = now() where id = ${id}`.execute(running.service.deps.db)
      const revokedAt = performance.now()
      const sent: { ms: number; status: number }[] = []
      await poll(
        async () => {
          const ms = performance.now() - revokedAt
          const { status } = await api.get('/push/apps')
          sent.push({ ms, status })
          return status
        },
        (status) => status === 401,
      )
      expect(sent.filter(({ ms, status }) => ms > 1_000 && status === 200)).toEqual([])
    })

    test('last_used_at is kept, to the minute', async () => {
      const { id, api } = await makeKey(running)
      const lastUsed = async () => {
        const { last_used_at } = await running.service.deps.db
          .selectFrom('api_keys')
          .select('last_used_at')
          .where('id', '=', id)
          .executeTakeFirstOrThrow()
        return last_used_at?.getTime() ?? null
      }
      expect(await lastUsed()).toBeNull()
      const before = Date.now()
      await api.get('/push/apps')
      const first = await poll(lastUsed, (usedAt) => usedAt !== null)
      expect(first).toBeGreaterThanOrEqual(before)
      expect(first).toBeLessThanOrEqual(Date.now())
      await api.get('/push/apps')
      expect(await lastUsed()).toBe(first)
      running.clock.ahead = 61_000
      await api.get('/push/apps')
      await poll(lastUsed, (usedAt) => usedAt! > first! + 60_000)
      running.clock.ahead = 0
    })

    test('only the hash of a key is stored, and none is logged', async () => {
      const { key } = await makeKey(running)
      const { rows } = await sql<{ row: string }>`select api_keys::text as row from api_keys`.execute(
        running.service.deps.db,
      )
      const stored = rows.map(({ row }) => row).join('\n')
      for (const given of [key, api.key]) {
        expect(stored).toContain(given.slice(0, 12))
        expect(stored).not.toContain(given.slice(0, 13))
        expect(stored).not.toContain(Buffer.from(given).toString('hex'))
      }
      expect(JSON.stringify(running.logs)).not.toMatch(/kr_live_/)
    })

    test('scopes: a key reads or writes what it is for', async () => {
      const reader = (await makeKey(running, { scopes: ['push:read'] })).api
      const writer = (await makeKey(running, { scopes: ['push:write'] })).api
      const both = (await makeKey(running, { scopes: ['push:read', 'push:write'] })).api
      const other = await makeThings(both)
      for (const call of [{ method: 'GET', path: '/push/apps' }, ...callsTo(other)]) {
        const [allowed, refused] = call.method === 'GET' ? [reader, writer] : [writer, reader]
        const refusal = await perform(refused, call)
        expect({ call, status: refusal.status, body: refusal.body }).toEqual({
          call,
          status: 403,
          body: insufficientScope,
        })
        expectRateLimit(refusal, 6_000)
        const answer = await perform(allowed, call)
        expect({ call, status: answer.status }).toEqual({
          call,
          status: expect.toBeOneOf([200, 201, 202, 204]),
        })
      }
      expect(await reader.post('/push/apps', { name: 'No' })).toMatchObject({
        status: 403,
        body: insufficientScope,
      })
      expect((await writer.post('/push/apps', { name: 'Yes' })).status).toBe(201)
    })

    test('a key without the scope learns nothing of what there is', async () => {
      const reader = (await makeKey(running, { scopes: ['push:read'] })).api
      for (const body of ['{"name":', '[]', '{"name":"x"}']) {
        for (const path of [
          `/push/apps/${things.app}`,
          `/push/apps/${randomUUID()}`,
          '/push/apps/nonsense',
        ]) {
          const answer = await reader.send(path, { method: 'PATCH', headers: json, body })
          expect(answer).toMatchObject({ status: 403, body: insufficientScope })
        }
      }
    })
  })

  describe('what is not there', () => {
    test("another team's things answer exactly as what does not exist", async () => {
      const stranger = (await makeKey(running, { team: 'strangers' })).api
      const before = await readAll(api, things.app)
      const nothing = {
        app: randomUUID(),
        subscriber: randomUUID(),
        notification: randomUUID(),
        webhook: randomUUID(),
      }
      const nonexistent = callsTo(nothing)
      for (const [index, call] of callsTo(things).entries()) {
        const answer = await perform(stranger, call)
        const other = await perform(stranger, nonexistent[index]!)
        expect({ call, status: answer.status, body: answer.body }).toEqual({
          call,
          status: 404,
          body: notFound,
        })
        expect({ call, status: other.status, body: other.body }).toEqual({
          call,
          status: 404,
          body: notFound,
        })
        expect([...answer.headers.keys()]).toEqual([...other.headers.keys()])
        expectRateLimit(answer, limitOf(call))
      }
      expect((await stranger.get('/push/apps')).body).toEqual({ data: [], next_cursor: null })
      expect(await readAll(api, things.app)).toEqual(before)
    })

    test("another app's things are not found either, of the same team too", async () => {
      const elsewhere = (await api.post('/push/apps', { name: 'Another' })).body.data.id
      const before = await readAll(api, things.app)
      const calls = callsTo({ ...things, app: elsewhere }).filter(
        ({ path }) => path.split('/').length > 5, // those that name a thing in the app
      )
      expect(calls.length).toBeGreaterThanOrEqual(9)
      for (const call of calls) {
        const answer = await perform(api, call)
        expect({ call, status: answer.status, body: answer.body }).toEqual({
          call,
          status: 404,
          body: notFound,
        })
      }
      expect(await readAll(api, things.app)).toEqual(before)
    })

    test('a path id that is no UUID', async () => {
      const ids = [
        'nonsense',
        '0',
        '-1',
        'null',
        `${things.app}0`,
        things.app.slice(1),
        things.app.replaceAll('-', ''),
        `%7B${things.app}%7D`,
        encodeURIComponent(`${things.app}'; drop table apps; --`),
        '%00',
        '%20',
        '%ZZ',
        '%',
        '%F0%9F%94%94',
        '%C0%AF',
        'a'.repeat(101),
        'a'.repeat(3_000),
      ]
      for (const id of ids) {
        const calls = callsTo({ app: id, subscriber: id, notification: id, webhook: id })
        const inner = callsTo({ ...things, subscriber: id, notification: id, webhook: id })
        const deep = inner.filter(({ path }) => path.split('/').length > 5)
        for (const call of [...calls, ...deep]) {
          const answer = await perform(api, call)
          expect({ call, status: answer.status, body: answer.body }).toEqual({
            call,
            status: 404,
            body: notFound,
          })
          expectRateLimit(answer, limitOf(call))
        }
      }
      const malformed = await api.send('/push/apps/nonsense', { method: 'PATCH', headers: json, body: '{' })
      expect(malformed).toMatchObject({ status: 404, body: notFound })
      expect(await api.withKey(null).get('/push/apps/%ZZ')).toMatchObject({ status: 401, body: unauthorized })
    })

    test('unknown routes', async () => {
      const calls = [
        { method: 'GET', path: '' },
        { method: 'GET', path: '/' },
        { method: 'GET', path: '/push' },
        { method: 'GET', path: '/push/nothing' },
        { method: 'POST', path: '/push/nothing', body: {} },
        { method: 'PUT', path: '/push/apps', body: { name: 'A' } },
        { method: 'DELETE', path: '/push/apps' },
        { method: 'PUT', path: `/push/apps/${things.app}`, body: { name: 'A' } },
        { method: 'POST', path: `/push/apps/${things.app}`, body: { name: 'A' } },
        { method: 'GET', path: `/push/apps/${things.app}/nothing` },
        { method: 'GET', path: `/push/apps/${things.app}/webhooks/${things.webhook}/nothing` },
        { method: 'GET', path: `/push/apps/${things.app}/webhooks//` },
      ]
      for (const call of calls) {
        const answer = await perform(api, call)
        expect({ call, status: answer.status, body: answer.body }).toEqual({
          call,
          status: 404,
          body: notFound,
        })
        expectRateLimit(answer, 6_000)
        const anonymous = await perform(api.withKey(null), call)
        expect({ call, status: anonymous.status, body: anonymous.body }).toEqual({
          call,
          status: 401,
          body: unauthorized,
        })
        expectRateLimit(anonymous, 1_200)
      }
      for (const path of ['/', '/nothing', '/api', '/api/v2/push/apps', '/%ZZ']) {
        const response = await fetch(api.url + path)
        expect({ path, status: response.status, body: await response.json() }).toEqual({
          path,
          status: 404,
          body: notFound,
        })
      }
    })
  })

  describe('bodies', () => {
    const writes = () => callsTo(things).filter(({ body }) => body !== undefined)
    const withBody = (
      { method, path }: Call,
      body: string | Buffer<ArrayBuffer>,
      headers: Record<string, string> = json,
    ) => api.send(path, { method, headers, body })

    test('malformed JSON', async () => {
      for (const call of [{ method: 'POST', path: '/push/apps' }, ...writes()]) {
        const notUtf8 = Buffer.from('{"name":"\xff"}', 'latin1')
        for (const body of [notUtf8, '{"name":', 'nonsense', "{'name': 'A'}", '{"name":"A"}}', '\u0000']) {
          const answer = await withBody(call, body)
          expect({ call, status: answer.status, body: answer.body }).toEqual({
            call,
            status: 400,
            body: { error: 'Request body is not valid JSON' },
          })
          expectRateLimit(answer, limitOf(call))
        }
      }
    })

    test('a body that is no object', async () => {
      for (const call of [{ method: 'POST', path: '/push/apps' }, ...writes()]) {
        for (const body of ['[]', '[{"name":"A"}]', '"text"', '7', 'null', 'true', '']) {
          const answer = await withBody(call, body)
          expect({ call, body: answer.body, status: answer.status }).toEqual({
            call,
            body: { error: 'Request body must be a JSON object' },
            status: 400,
          })
        }
        const none = await api.send(call.path, { method: call.method })
        expect(none).toMatchObject({ status: 400, body: { error: 'Request body must be a JSON object' } })
      }
    })

    test('a body that is not JSON', async () => {
      const types = [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'application/xml',
        'nonsense',
      ]
      for (const call of [{ method: 'POST', path: '/push/apps' }, ...writes()]) {
        for (const type of types) {
          const answer = await withBody(call, '{"name":"A"}', { 'content-type': type })
          expect({ call, type, status: answer.status, body: answer.body }).toEqual({
            call,
            type,
            status: 415,
            body: { error: 'Content-Type must be application/json' },
          })
          expectRateLimit(answer, limitOf(call))
        }
        const untyped = await api.send(call.path, {
          method: call.method,
          body: new TextEncoder().encode('{"name":"A"}'),
        })
        expect(untyped).toMatchObject({
          status: 415,
          body: { error: 'Content-Type must be application/json' },
        })
      }
      for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset=UTF-8']) {
        const answer = await withBody({ method: 'POST', path: '/push/apps' }, '{"name":"A"}', {
          'content-type': type,
        })
        expect(answer.status).toBe(201)
      }
    })

    test('a body above 1 MiB', async () => {
      const bodyOf = (bytes: number) => {
        const frame = JSON.stringify({ name: 'A', padding: '' })
        return JSON.stringify({ name: 'A', padding: 'x'.repeat(bytes - frame.length) })
      }
      expect((await withBody({ method: 'POST', path: '/push/apps' }, bodyOf(maxBodyBytes))).status).toBe(201)
      for (const bytes of [maxBodyBytes + 1, 3 * maxBodyBytes]) {
        for (const call of [
          { method: 'POST', path: '/push/apps' },
          { method: 'PATCH', path: `/push/apps/${things.app}` },
        ]) {
          const answer = await withBody(call, bodyOf(bytes))
          expect(answer).toMatchObject({ status: 413, body: { error: 'Request body is too large' } })
          expectRateLimit(answer, 6_000)
        }
      }
      const chunked = await api.send('/push/apps', {
        method: 'POST',
        headers: json,
        body: new Blob([bodyOf(maxBodyBytes + 1)]).stream(),
        duplex: 'half',
      } as RequestInit)
      expect(chunked).toMatchObject({ status: 413, body: { error: 'Request body is too large' } })
    })

    test('a delete needs no body, whatever type it says the body has', async () => {
      const { app } = await makeThings(api)
      const deleted = await api.send(`/push/apps/${app}`, { method: 'DELETE', headers: json })
      expect(deleted).toMatchObject({ status: 204, body: undefined })
    })

    test('a body that is nested too deeply names the field, and stores nothing', async () => {
      const { app } = await makeThings(api)
      const base = `/push/apps/${app}`
      const before = await readAll(api, app)
      const bodies: [Call, field: string, (nested: string) => string][] = [
        [{ method: 'PATCH', path: base }, 'settings', (nested) => `{"settings":${nested}}`],
        [
          { method: 'POST', path: `${base}/subscribers` },
          'metadata',
          (nested) => `{"platform":"android","token":"deep","metadata":${nested}}`,
        ],
        [
          { method: 'POST', path: `${base}/notifications` },
          'data',
          (nested) => `{"title":"T","data":${nested}}`,
        ],
        [
          { method: 'POST', path: `${base}/notifications` },
          'platform_overrides.web',
          (nested) => `{"title":"T","platform_overrides":{"web":${nested}}}`,
        ],
      ]
      const nest = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
      for (const [call, field, body] of bodies) {
        for (const levels of [101, 1_000, 8_000, 400_000]) {
          const answer = await withBody(call, body(nest(levels)))
          expect({ call, levels, status: answer.status, body: answer.body }).toEqual({
            call,
            levels,
            status: 422,
            body: {
              error: 'Validation failed',
              details: { [field]: ['must be nested at most 100 levels deep'] },
            },
          })
        }
      }
      expect(await readAll(api, app)).toEqual(before)
      for (const [call, , body] of bodies) {
        expect((await withBody(call, body(nest(100)))).status).toBeOneOf([200, 201, 202])
      }
    })

    test('unknown fields are ignored', async () => {
      const extra = {
        id: randomUUID(),
        team_id: randomUUID(),
        created_at: '2000-01-01T00:00:00Z',
        failure_count: 987,
        subscriber_count: 987,
        sent_count: 987,
        'x-unknown': { deep: [1] },
      }
      const { app, subscriber, webhook } = await makeThings(api)
      const base = `/push/apps/${app}`
      const answers = [
        await api.post('/push/apps', { ...extra, name: 'A' }),
        await api.patch(base, { ...extra, name: 'B' }),
        await api.patch(base, extra),
        await api.post(`${base}/subscribers`, { ...extra, platform: 'android', token: 'device-3' }),
        await api.patch(`${base}/subscribers/${subscriber}`, { ...extra, platform: 'ios' }),
        await api.post(`${base}/notifications`, { ...extra, title: 'T' }),
        await api.post(`${base}/webhooks`, { ...extra, url: webhookUrl }),
        await api.patch(`${base}/webhooks/${webhook}`, extra),
      ]
      for (const { status, body } of answers) {
        expect(status).toBeOneOf([200, 201, 202])
        expect(body.data).not.toHaveProperty('x-unknown')
        expect(body.data).not.toHaveProperty('team_id')
        expect(body.data.id).not.toBe(extra.id)
        expect(body.data.created_at).not.toBe(extra.created_at)
        // As a value: an id may have these digits.
        expect(JSON.stringify(body)).not.toMatch(/:987[,}]/)
      }
      expect(answers[4]!.body.data.platform).toBe('android')
      expect((await api.get(base)).body.data.name).toBe('B')
    })

    test('unknown fields and parameters are named in the answer, whatever it is', async () => {
      const { app, subscriber } = await makeThings(api)
      const base = `/push/apps/${app}`
      const keys = { p256dh: 'x', auth: 'y', foo: 1 }
      const cases: [Call, status: number, ignored: string | null][] = [
        [{ method: 'GET', path: `${base}/subscribers?limit=1` }, 200, null],
        [{ method: 'GET', path: `${base}/subscribers?limit=1&platfrom=web` }, 200, 'platfrom'],
        [{ method: 'GET', path: `${base}/subscribers?limit=0&platfrom=web` }, 422, 'platfrom'],
        [{ method: 'GET', path: `${base}?fields=id` }, 200, 'fields'],
        [
          {
            method: 'POST',
            path: `${base}/notifications`,
            body: { title: 'T', targetting: { type: 'all' } },
          },
          201,
          'targetting',
        ],
        [{ method: 'POST', path: `${base}/notifications`, body: { targetting: 1 } }, 422, 'targetting'],
        [
          {
            method: 'POST',
            path: `${base}/subscribers`,
            body: { ...androidSubscriber('named'), keys, tag: 'a' },
          },
          201,
          'keys.foo, tag',
        ],
        [{ method: 'PATCH', path: base, body: { settings: { anything: 1 } } }, 200, null],
        [
          {
            method: 'POST',
            path: `${base}/subscribers/${subscriber}/unsubscribe?now=1`,
            body: { reason: 'x' },
          },
          200,
          'reason, now',
        ],
        [{ method: 'PATCH', path: `/push/apps/${randomUUID()}`, body: { nam: 'x' } }, 404, 'nam'],
      ]
      for (const [call, status, ignored] of cases) {
        const answer = await perform(api, call)
        const named = answer.headers.get('x-krafter-ignored')
        expect({ call, status: answer.status, named }).toEqual({ call, status, named: ignored })
      }
    })

    test('a field named __proto__ or constructor is an unknown field, too', async () => {
      const body = '{"name":"A","__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'
      const answer = await withBody({ method: 'POST', path: '/push/apps' }, body)
      expect(answer.status).toBe(201)
      expect(({} as Record<string, unknown>).x).toBeUndefined()
    })
  })

  test('a failed validation names every field, nested ones with their path', async () => {
    const base = `/push/apps/${things.app}`
    const cases: { call: Call; details: Record<string, string[]> }[] = [
      { call: { method: 'POST', path: '/push/apps', body: {} }, details: { name: ['is required'] } },
      {
        call: { method: 'POST', path: '/push/apps', body: { name: 7, settings: [] } },
        details: { name: ['must be a string'], settings: ['must be an object'] },
      },
      {
        call: { method: 'POST', path: '/push/apps', body: { name: ' ' } },
        details: { name: ['must not be empty'] },
      },
      {
        call: { method: 'PATCH', path: base, body: { name: 'x'.repeat(256) } },
        details: { name: ['must be at most 255 characters'] },
      },
      {
        call: { method: 'POST', path: '/push/apps', body: { name: 'a\u0000b' } },
        details: { name: ['must not contain a NUL character'] },
      },
      {
        call: {
          method: 'POST',
          path: `${base}/subscribers`,
          body: { platform: 'windows', token: '', keys: { p256dh: 7 }, tags: ['fine', 3], metadata: 'x' },
        },
        details: {
          platform: ['must be one of web, ios, android'],
          token: ['must not be empty'],
          'keys.p256dh': ['must be a string'],
          'keys.auth': ['is required'],
          'tags.1': ['must be a string'],
          metadata: ['must be an object'],
        },
      },
      {
        call: {
          method: 'POST',
          path: `${base}/notifications`,
          body: {
            title: 'T',
            actions: [{ title: 'Open', action: 'open' }, { title: 'No' }],
            targeting: { type: 'tags', tags: [], match: 'none' },
            platform_overrides: { web: { ttl: -1, urgency: 'extreme', topic: 'not a topic' } },
          },
        },
        details: {
          'actions.1.action': ['is required'],
          'targeting.tags': ['must have at least 1 entries'],
          'targeting.match': ['must be one of any, all'],
          'platform_overrides.web.ttl': ['must be 0 to 2419200 seconds'],
          'platform_overrides.web.urgency': ['must be one of very-low, low, normal, high'],
          'platform_overrides.web.topic': ['must be 1 to 32 base64url characters'],
        },
      },
      {
        call: { method: 'GET', path: `${base}/subscribers?limit=0&offset=-1&platform=windows&status=gone` },
        details: {
          platform: ['must be one of web, ios, android'],
          status: ['must be one of active, inactive, unsubscribed'],
          limit: ['must be a whole number from 1 to 100'],
          offset: ['must be a whole number from 0 to 10000'],
        },
      },
    ]
    for (const { call, details } of cases) {
      const answer = await perform(api, call)
      expect({ call, status: answer.status, body: answer.body }).toEqual({
        call,
        status: 422,
        body: { error: 'Validation failed', details },
      })
      expectRateLimit(answer, limitOf(call))
    }
  })

  test('every answer: wrapped in data, lower-case UUIDs, UTC timestamps to the second', async () => {
    const { body: made } = await api.post('/push/apps', { name: 'A' })
    const base = `/push/apps/${made.data.id}`
    const answers = [
      made,
      (await api.post(`${base}/subscribers`, androidSubscriber('device-4'))).body,
      (await api.post(`${base}/webhooks`, { url: webhookUrl, enabled: false })).body,
      (await api.post(`${base}/notifications`, { title: 'T' })).body,
      await poll(
        async () => (await api.get(`${base}/notifications`)).body,
        ({ data }) => data[0].sent_at !== null,
      ),
      (await api.get('/push/apps')).body,
      ...((await readAll(api, made.data.id)) as unknown[]),
    ]
    for (const answer of answers) {
      expect(Object.keys(answer as object)).toBeOneOf([['data'], ['data', 'next_cursor']])
    }
    const fields = answers.flatMap(fieldsOf)
    const ids = fields.filter(([name]) => /(^|_)id$/.test(name) && name !== 'user_id')
    const moments = fields.filter(([name, value]) => name.endsWith('_at') && value !== null)
    expect(ids.length).toBeGreaterThan(10)
    for (const [name, value] of ids)
      expect(`${name} ${value}`).toMatch(new RegExp(`^${name} ${lowerCaseUuid.source.slice(1)}`))
    expect(new Set(moments.map(([name]) => name))).toEqual(
      new Set(['created_at', 'updated_at', 'last_seen_at', 'last_active_at', 'disabled_at', 'sent_at']),
    )
    for (const [, value] of moments) {
      expect(value).toMatch(timestamp)
      expect(Math.abs(Date.parse(value as string) - Date.now())).toBeLessThan(60_000)
    }
  })

  test('an id in upper case names the same thing, and comes back in lower case', async () => {
    const upper = callsTo({
      app: things.app.toUpperCase(),
      subscriber: things.subscriber.toUpperCase(),
      notification: things.notification.toUpperCase(),
      webhook: things.webhook.toUpperCase(),
    })
    const lower = callsTo(things)
    for (const [index, call] of upper.entries()) {
      if (call.method !== 'GET') continue
      const [answer, same] = [await perform(api, call), await perform(api, lower[index]!)]
      expect(answer.status).toBe(200)
      expect(answer.body).toEqual(same.body)
    }
  })

  test('a fault of ours says nothing of its inside', async () => {
    const { db } = running.service.deps
    const calls = callsTo(things).filter(({ path }) => path.includes('/webhooks'))
    const logged = running.logs.length
    const requestIds: (string | null)[] = []
    await sql`alter table webhooks rename to webhooks_away`.execute(db)
    try {
      for (const call of calls) {
        const answer = await perform(api, call)
        expect({ call, status: answer.status, body: answer.body }).toEqual({
          call,
          status: 500,
          body: internalError,
        })
        expectRateLimit(answer, limitOf(call))
        requestIds.push(answer.headers.get('x-request-id'))
        expect(JSON.stringify([...answer.headers])).not.toMatch(/webhooks|relation|select|node_modules/)
      }
    } finally {
      await sql`alter table webhooks_away rename to webhooks`.execute(db)
    }
    const errors = running.logs.slice(logged).filter((line) => line.msg === 'request.failed')
    expect(errors.map(({ requestId }) => requestId)).toEqual(requestIds)
    expect(errors[0]).toMatchObject({ level: 'error', method: 'GET', err: { code: '42P01' } })
    expect((await api.get(`/push/apps/${things.app}/webhooks`)).status).toBe(200)
  })

  test('a fault of ours while the key is looked up', async () => {
    const { db } = running.service.deps
    const fresh = await makeKey(running)
    await sql`alter table api_keys rename to api_keys_away`.execute(db)
    try {
      expect(await fresh.api.get('/push/apps')).toMatchObject({ status: 500, body: internalError })
    } finally {
      await sql`alter table api_keys_away rename to api_keys`.execute(db)
    }
    expect((await fresh.api.get('/push/apps')).status).toBe(200)
  })
})

describeOnEachBackend('rate limits', (make) => {
  const limits = {
    KRAFTER_RATE_LIMIT_DEFAULT: '8',
    KRAFTER_RATE_LIMIT_STRICT: '2',
    KRAFTER_RATE_LIMIT_PUBLIC: '5',
    KRAFTER_RATE_LIMIT_UNAUTHORIZED: '3',
    KRAFTER_TRUST_PROXY: '127.0.0.1/32',
  }
  let storage: TestStorage
  let running: TestService

  beforeAll(async () => {
    storage = await make()
    running = await startTestService(storage, limits, ['api'])
  })

  afterAll(async () => {
    await running.stop()
    await storage.drop()
  })

  const newTeam = async (name: string) => (await makeKey(running, { team: name })).api

  function expectRefusal(answer: Answer, limit: number): void {
    expect(answer.status).toBe(429)
    const retryAfter = answer.body.retry_after
    expect(answer.body).toEqual({ error: 'Rate limit exceeded', retry_after: retryAfter })
    expect(Number.isInteger(retryAfter)).toBe(true)
    expect(retryAfter).toBeGreaterThanOrEqual(1)
    expect(retryAfter).toBeLessThanOrEqual(60)
    expect(answer.headers.get('retry-after')).toBe(String(retryAfter))
    const { reset, ...rest } = rateLimitOf(answer)
    expect(rest).toEqual({ limit, remaining: 0 })
    expect(Math.abs(reset! - (running.clock.now().getTime() / 1_000 + retryAfter))).toBeLessThanOrEqual(2)
  }

  test('every request of a team counts in its default bucket, whatever the answer', async () => {
    const [first, second] = [await newTeam('one'), await newTeam('two')]
    const secondKey = await newTeam('one')
    const answers = [
      await first.get('/push/apps'),
      await secondKey.get('/push/apps'),
      await first.post('/push/apps', {}),
      await first.send('/push/apps', { method: 'POST', headers: json, body: '{' }),
      await first.send('/push/apps', { method: 'POST', body: 'text' }),
      await first.get('/push/apps/nonsense'),
      await first.get('/push/nothing'),
      await first.post('/push/apps', { name: 'A' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 422, 400, 415, 404, 404, 201])
    expect(answers.map((answer) => rateLimitOf(answer).remaining)).toEqual([7, 6, 5, 4, 3, 2, 1, 0])
    expect(new Set(answers.map((answer) => rateLimitOf(answer).limit))).toEqual(new Set([8]))
    const resets = answers.map((answer) => rateLimitOf(answer).reset!)
    expect(Math.max(...resets) - Math.min(...resets)).toBeLessThanOrEqual(1)

    for (const refused of [
      await first.get('/push/apps'),
      await secondKey.post('/push/apps', { name: 'B' }),
      await first.get('/push/nothing'),
    ]) {
      expectRefusal(refused, 8)
    }
    expect(rateLimitOf(await second.get('/push/apps'))).toMatchObject({ limit: 8, remaining: 7 })
    expect((await second.get('/push/apps')).body).toEqual({ data: [], next_cursor: null })
  })

  test('registrations of subscribers count in the strict bucket, too', async () => {
    const [api, other] = [await newTeam('three'), await newTeam('four')]
    const app = (await api.post('/push/apps', { name: 'A' })).body.data.id
    const path = `/push/apps/${app}/subscribers`
    const registered = await api.post(path, androidSubscriber('device-1'))
    expect(registered.status).toBe(201)
    expect(rateLimitOf(registered)).toMatchObject({ limit: 2, remaining: 1 })
    const invalid = await api.post(path, {})
    expect(invalid.status).toBe(422)
    expect(rateLimitOf(invalid)).toMatchObject({ limit: 2, remaining: 0 })
    expectRefusal(await api.post(path, androidSubscriber('device-2')), 2)
    const listed = await api.get(path)
    expect(listed.body.data).toHaveLength(1)
    expect(rateLimitOf(listed)).toMatchObject({ limit: 8, remaining: 3 })
    const elsewhere = await other.post(
      `/push/apps/${randomUUID()}/subscribers`,
      androidSubscriber('device-1'),
    )
    expect(elsewhere.status).toBe(404)
    expect(rateLimitOf(elsewhere)).toMatchObject({ limit: 2, remaining: 1 })
  })

  test('each row of a batch counts in the strict bucket, and a batch that does not fit takes nothing', async () => {
    const api = await newTeam('rows')
    const path = `/push/apps/${(await api.post('/push/apps', { name: 'A' })).body.data.id}/subscribers/batch`
    const batch = (count: number) =>
      api.post(path, {
        subscribers: Array.from({ length: count }, (_, n) => androidSubscriber(`device-${n}`)),
      })
    const tooMany = await batch(3)
    expect(tooMany.status).toBe(429)
    expect(rateLimitOf(tooMany)).toMatchObject({ limit: 2, remaining: 2 })
    const fits = await batch(2)
    expect(fits.status).toBe(200)
    expect(rateLimitOf(fits)).toMatchObject({ limit: 2, remaining: 0 })
    expectRefusal(await batch(1), 2)
  })

  test('requests without a key that works count in a bucket of their address', async () => {
    const ask = (address: string, headers: Record<string, string> = {}) =>
      running.api.withKey(null).send('/push/apps', { headers: { 'x-forwarded-for': address, ...headers } })
    const answers = [
      await ask('203.0.113.1'),
      await ask('203.0.113.1', { authorization: 'Bearer nonsense' }),
      await ask('203.0.113.1', { authorization: `Bearer ${generateKey()}` }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401])
    expect(answers.map((answer) => rateLimitOf(answer).remaining)).toEqual([2, 1, 0])
    expectRefusal(await ask('203.0.113.1'), 3)
    // A client cannot take another's place by what it says itself: the last address is the proxy's word.
    expectRefusal(await ask('203.0.113.9, 203.0.113.1'), 3)
    expect(rateLimitOf(await ask('203.0.113.2'))).toMatchObject({ limit: 3, remaining: 2 })
    const api = await newTeam('five')
    const withKey = await api.send('/push/apps', { headers: { 'x-forwarded-for': '203.0.113.1' } })
    expect(withKey.status).toBe(200)
    expect(rateLimitOf(withKey)).toMatchObject({ limit: 8, remaining: 7 })
  })

  test('a client that sent too many bad keys costs the database nothing more, and devices beside it are heard', async () => {
    const { db } = running.service.deps
    const ask = (key: string, address = '203.0.113.7') =>
      running.api.withKey(key).send('/push/apps', { headers: { 'x-forwarded-for': address } })
    const known = await makeKey(running, { team: 'seven' })
    running.clock.ahead = 10_000
    for (const status of [401, 401, 401, 429, 429]) expect((await ask(generateKey())).status).toBe(status)
    expect((await ask(known.key)).status).toBe(200)
    await sql`alter table api_keys rename to api_keys_away`.execute(db)
    try {
      for (const refused of [await ask(generateKey()), await ask('nonsense')]) expectRefusal(refused, 3)
      expect((await ask(generateKey(), '203.0.113.8')).status).toBe(500)
    } finally {
      await sql`alter table api_keys_away rename to api_keys`.execute(db)
    }
    // A key that is made only now works in a moment.
    running.clock.ahead = 13_000
    expect((await ask((await makeKey(running, { team: 'eight' })).key)).status).toBe(200)
    running.clock.ahead = 0
    const report = await running.api.withKey(null).send('/push/track/delivered', {
      method: 'POST',
      headers: { 'x-forwarded-for': '203.0.113.7' },
      body: '{}',
    })
    expect(report.status).toBe(204)
    expect(rateLimitOf(report)).toMatchObject({ limit: 5, remaining: 4 })
  })

  test('a page may read that it has to wait, whatever it asked', async () => {
    const api = await newTeam('page')
    const origin = 'https://shop.example'
    const { publishable_key: key } = (
      await api.post('/push/apps', { name: 'A', public_registration: { origins: [origin] } })
    ).body.data
    const headers = { origin, 'x-forwarded-for': '203.0.113.20' }
    const ask = (init: RequestInit) =>
      running.api.withKey(null).send(`/push/public/subscribers?key=${key}`, { ...init, headers })
    const answers = []
    for (let count = 0; count < 6; count++) answers.push(await ask({ method: 'POST' }))
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 429])
    expectRefusal(answers.at(-1)!, 5)
    for (const answer of answers) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
      expect(answer.headers.get('access-control-expose-headers')).toMatch(/retry-after.*x-request-id/)
    }
    // A page could read nothing of a preflight that fails.
    const preflight = await ask({ method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
  })

  test('addresses of one IPv6 network of 64 bits are one client', async () => {
    const remaining = []
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:db8:1:3::1']) {
      const headers = { 'x-forwarded-for': address }
      const bad = await running.api.withKey(null).send('/push/apps', { headers })
      const report = await running.api
        .withKey(null)
        .send('/push/track/clicked', { method: 'POST', headers, body: '{}' })
      remaining.push([rateLimitOf(bad).remaining, rateLimitOf(report).remaining])
    }
    expect(remaining).toEqual([
      [2, 4],
      [1, 3],
      [2, 4],
    ])
  })

  test('who asks costs no statement of its own, and what is asked one', async () => {
    const api = await newTeam('ten')
    const app = `/push/apps/${(await api.post('/push/apps', { name: 'A' })).body.data.id}`
    const made = async (path: string, body: unknown) => `${path}/${(await api.post(path, body)).body.data.id}`
    const subscriber = await made(`${app}/subscribers`, androidSubscriber('device-1'))
    const webhook = await made(`${app}/webhooks`, { url: 'https://93.184.216.34/hook' })
    const statements = recordStatements()
    onTestFinished(statements.stop)
    const background = /rate_limits|last_used_at|pgboss|from "api_keys"/
    const startedAt = performance.now()
    const asked: string[] = []
    const count = async (ask: () => Promise<Answer>, status: number) => {
      expect((await ask()).status).toBe(status)
      const all = statements.take()
      asked.push(...all)
      return all.filter((text) => !background.test(text))
    }
    for (const path of [app, subscriber, webhook]) {
      expect({ path, statements: await count(() => api.get(path), 200) }).toEqual({
        path,
        statements: [expect.stringMatching(/^select /)],
      })
    }
    const accepting = await count(() => api.post(`${app}/notifications`, { title: 'News' }), 201)
    expect([accepting.at(0), accepting.at(-1)]).toEqual(['begin', 'commit'])
    expect(accepting.filter((text) => text === 'begin')).toHaveLength(1)
    expect(accepting.length).toBeLessThanOrEqual(6)
    // Limits are settled for all requests of a quarter of a second together, and a key is read again after nearly a second.
    const elapsedMs = performance.now() - startedAt
    const settled = asked.filter((text) => /insert into rate_limits/.test(text))
    expect(settled.length).toBeLessThanOrEqual(1 + elapsedMs / 250)
    const keysRead = asked.filter((text) => /from "api_keys"/.test(text))
    expect(keysRead.length).toBeLessThanOrEqual(1 + elapsedMs / 900)
  })

  test('a process knows at once what another one revoked, changed or deleted', async (context) => {
    context.skip(storage.backend === 'pglite', 'the embedded database has one process')
    const second = await startTestService(storage, {}, ['api'])
    try {
      const { db, keys } = second.service.deps
      const { api, id, key } = await makeKey(running, { team: 'nine' })
      const there = createApi(second.api.url, key)
      const app = (await there.post('/push/apps', { name: 'A' })).body.data.id
      const webhooks = `/push/apps/${app}/webhooks`
      const statuses = async () => [(await api.get(webhooks)).status, (await there.get(webhooks)).status]
      expect(await statuses()).toEqual([200, 200])
      const team = await db
        .selectFrom('apps')
        .select('team_id')
        .where('id', '=', app)
        .executeTakeFirstOrThrow()
      const settings = async () => (await running.service.deps.apps.require(team.team_id, app)).settings
      expect(await settings()).toEqual({})
      await there.patch(`/push/apps/${app}`, { settings: { icon: 'i' } })
      await poll(settings, ({ icon }) => icon === 'i', atOnceMs)
      expect((await there.delete(`/push/apps/${app}`)).status).toBe(204)
      expect((await there.get(webhooks)).status).toBe(404)
      await poll(
        () => api.get(webhooks),
        ({ status }) => status === 404,
        atOnceMs,
      )
      expect(await createKeyCommands(second.service.deps, keys.forget).revoke(id)).toBe(true)
      expect((await there.get('/push/apps')).status).toBe(401)
      await poll(
        () => api.get('/push/apps'),
        ({ status }) => status === 401,
        atOnceMs,
      )
    } finally {
      await second.stop()
    }
  })

  test('processes on one database count together, each with its own limits; 0 turns a bucket off', async (context) => {
    context.skip(storage.backend === 'pglite', 'the embedded database has one process')
    const second = await startTestService(storage, { ...limits, KRAFTER_RATE_LIMIT_STRICT: '0' }, ['api'])
    const { db } = second.service.deps
    try {
      const api = await newTeam('six')
      const there = createApi(second.api.url, api.key)
      const shared = async () => {
        const { rows } = await sql<{ points: number }>`
          select points from rate_limits join api_keys on key = 'default:' || team_id
          where key_prefix = ${api.key.slice(0, 12)}`.execute(db)
        return rows[0]?.points
      }
      await sql`delete from rate_limits`.execute(db)
      expect(rateLimitOf(await api.get('/push/apps'))).toMatchObject({ limit: 8, remaining: 7 })
      await poll(shared, (points) => points === 1)
      // What the others counted is known once the first request is settled.
      const path = `/push/apps/${randomUUID()}/subscribers`
      const first = await there.post(path, androidSubscriber('device-1'))
      expect(rateLimitOf(first)).toMatchObject({ limit: 8, remaining: 7 })
      await poll(shared, (points) => points === 2)
      for (const remaining of [5, 4]) {
        const answer = await there.post(path, androidSubscriber('device-1'))
        expect(answer.status).toBe(404)
        expect(rateLimitOf(answer)).toMatchObject({ limit: 8, remaining })
      }
      await poll(shared, (points) => points === 4)
      expect((await api.get('/push/apps')).status).toBe(200)
      await poll(shared, (points) => points === 5)
      expect(rateLimitOf(await api.get('/push/apps'))).toMatchObject({ limit: 8, remaining: 2 })
      // It is stored for those who start later, and gone with the window.
      const statuses = []
      for (let i = 0; i < 4; i++) statuses.push((await api.get('/push/apps')).status)
      expect(statuses).toEqual([200, 200, 429, 429])
      await poll(shared, (points) => points === 8)
      expect((await there.get('/push/apps')).status).toBe(200)
      await poll(shared, (points) => points === 9)
      expect((await there.get('/push/apps')).status).toBe(429)
    } finally {
      await second.stop()
    }
  })
})
