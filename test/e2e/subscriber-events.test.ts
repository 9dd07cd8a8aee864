import { createECDH, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { deleteApp } from '../../src/apps/app-deletion-store.ts'
import { reportNearHorizon } from '../../src/retention/event-log.ts'
import { runRetention } from '../../src/retention/retention-job.ts'
import { registerSubscribers } from '../../src/subscribers/register-subscribers.ts'
import type { Registration } from '../../src/subscribers/subscriber-change.ts'
import { runSubscriberUpkeep } from '../../src/subscribers/upkeep-job.ts'
import type { Api } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { readEvents } from '../support/events.ts'
import { startTestService, type TestService } from '../support/service.ts'

/** A row of a batch's answer. */
interface Answered {
  status: number
  data?: object
}

const webKeys = [1, 2].map((fill) => {
  const device = createECDH('prime256v1')
  return { p256dh: device.generateKeys('base64url'), auth: Buffer.alloc(16, fill).toString('base64url') }
})

const dayMs = 86_400_000
const webhook = {
  url: 'https://127.0.0.1:9/hook',
  events: ['subscriber.registered', 'subscriber.unsubscribed'],
}

describeOnEachBackend('events about subscribers', (make) => {
  let running: TestService
  let api: Api
  let tokens = 0

  beforeAll(async () => {
    // No worker: what is published is read where the API left it.
    running = await startTestService(await make(), {}, ['api'])
    api = running.api
  })

  afterAll(() => running.end())

  /** An app of its own with a webhook that names both events. */
  async function makeApp() {
    const appId: string = (await api.post('/push/apps', { name: 'A' })).body.data.id
    const base = `/push/apps/${appId}`
    expect((await api.post(`${base}/webhooks`, webhook)).status).toBe(201)
    const device = { platform: 'android', token: `device-${++tokens}`, user_id: 'user-1' }
    const register = () => api.post(`${base}/subscribers`, device)
    const events = () => readEvents(running.service.deps.db, appId)
    const eventTypes = async () => (await events()).map(({ type }) => type)
    return { appId, base, register, events, eventTypes }
  }

  /** Each call as often as this at once. */
  const many = <T>(call: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, call))

  test('a new subscriber is one event, however many requests register it at once', async () => {
    const { appId, register, events } = await makeApp()
    const answers = await many(register)
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(7).fill(200), 201])
    const [registered, ...more] = await events()
    expect(more).toEqual([])
    expect(registered).toMatchObject({
      type: 'subscriber.registered',
      body: {
        event: 'subscriber.registered',
        data: {
          app_id: appId,
          subscriber_id: answers[0]!.body.data.id,
          user_id: 'user-1',
          platform: 'android',
        },
      },
      deliveries: 1,
    })
    expect(Object.keys(registered!.body.data)).toEqual(['app_id', 'subscriber_id', 'user_id', 'platform'])
  })

  test('registering again, or changing what is no status, is none', async () => {
    const { base, register, eventTypes } = await makeApp()
    const { id } = (await register()).body.data
    await register()
    await api.patch(`${base}/subscribers/${id}`, { tags: ['a'], status: 'active' })
    expect(await eventTypes()).toEqual(['subscriber.registered'])
  })

  const waysOut = {
    'POST …/unsubscribe': (path: string) => api.post(`${path}/unsubscribe`, {}),
    'PATCH status': (path: string) => api.patch(path, { status: 'unsubscribed' }),
    DELETE: (path: string) => api.delete(path),
  }

  test.each(Object.entries(waysOut))('%s is one opt-out, however many come at once', async (name, leave) => {
    const { appId, base, register, events } = await makeApp()
    const { id } = (await register()).body.data
    const answers = await many(() => leave(`${base}/subscribers/${id}`))
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual(name === 'DELETE' ? [204, ...Array(7).fill(404)] : Array(8).fill(200))
    const [, left, ...more] = await events()
    expect(more).toEqual([])
    expect(left).toMatchObject({
      type: 'subscriber.unsubscribed',
      body: { data: { app_id: appId, subscriber_id: id, user_id: 'user-1', platform: 'android' } },
    })
  })

  test('whoever opted out has left already when it is deleted', async () => {
    const { base, register, eventTypes } = await makeApp()
    const { id } = (await register()).body.data
    const left = await api.post(`${base}/subscribers/${id}/unsubscribe`, {})
    expect(left.body.data).toMatchObject({ id, status: 'unsubscribed' })
    expect((await api.delete(`${base}/subscribers/${id}`)).status).toBe(204)
    expect(await eventTypes()).toEqual(['subscriber.registered', 'subscriber.unsubscribed'])
  })

  test('active again is an event, once: by registering or by a change', async () => {
    const { base, register, eventTypes } = await makeApp()
    const { id } = (await register()).body.data
    const path = `${base}/subscribers/${id}`
    await api.post(`${path}/unsubscribe`, {})
    await many(register)
    await api.post(`${path}/unsubscribe`, {})
    await many(() => api.patch(path, { status: 'active' }))
    expect(await eventTypes()).toEqual([
      'subscriber.registered',
      'subscriber.unsubscribed',
      'subscriber.registered',
      'subscriber.unsubscribed',
      'subscriber.registered',
    ])
  })

  test('a subscriber unseen for long turns inactive without an event, and its return is one', async () => {
    const { base, register, eventTypes } = await makeApp()
    const { id } = (await register()).body.data
    running.clock.ahead = 91 * dayMs
    try {
      await runSubscriberUpkeep(running.service.deps)
    } finally {
      running.clock.ahead = 0
    }
    expect((await api.get(`${base}/subscribers/${id}`)).body.data).toMatchObject({
      status: 'inactive',
      inactive_reason: 'unseen',
    })
    expect(await eventTypes()).toEqual(['subscriber.registered'])
    await register()
    expect(await eventTypes()).toEqual(['subscriber.registered', 'subscriber.registered'])
  })

  test('what is not there cannot opt out', async () => {
    const { base, eventTypes } = await makeApp()
    const nobody = `${base}/subscribers/01996d61-77d0-7c35-b1f4-90a3e2d6c853`
    expect((await api.post(`${nobody}/unsubscribe`, {})).status).toBe(404)
    expect((await api.post(`${base}/subscribers/nonsense/unsubscribe`, {})).status).toBe(404)
    expect(await eventTypes()).toEqual([])
  })

  describe('registered together', () => {
    const registration = (appId: string, token: string, userId?: string): Registration => ({
      appId,
      platform: 'android',
      token,
      keys: null,
      currentVapidPair: 0,
      userId,
    })

    /** What registering costs. */
    async function statementsOf(given: readonly Registration[]) {
      const { deps } = running.service
      let statements = 0
      const counting = deps.db.withPlugin({
        transformQuery: ({ node }) => {
          statements += 1
          return node
        },
        transformResult: async ({ result }) => result,
      })
      const results = await registerSubscribers({ ...deps, db: counting }, given)
      return { statements, results }
    }

    test('many of several apps cost as many statements as one, and each has its own answer', async () => {
      const [one, other] = [await makeApp(), await makeApp()]
      const known = (await one.register()).body.data
      const left = (await other.register()).body.data
      await api.post(`${other.base}/subscribers/${left.id}/unsubscribe`, {})
      const alone = await statementsOf([registration(one.appId, 'alone', 'ada')])
      const back = await statementsOf([registration(other.appId, left.token)])
      // Nobody had the token, so there is no row to lock.
      expect(alone.statements).toBeLessThan(back.statements)
      const many = Array.from({ length: 60 }, (_, n) =>
        registration((n % 2 ? one : other).appId, `many-${n}`),
      )
      const together = await statementsOf([
        registration(one.appId, known.token),
        { ...registration(one.appId, 'https://push.example/1'), platform: 'web' },
        registration(randomUUID(), 'nobody'),
        registration(one.appId, 'twice', 'ada'),
        registration(one.appId, 'twice', 'bob'),
        registration(one.appId, known.token, 'bob'),
        ...many,
      ])
      expect(together.statements).toBeLessThanOrEqual(alone.statements + back.statements)
      const [same, keyless, gone, first, second, moved, ...others] = together.results
      expect(same).toMatchObject({ created: false, subscriber: { id: known.id, userId: 'user-1' } })
      expect(keyless).toMatchObject({ shape: { status: 422, details: { keys: ['is required for web'] } } })
      expect(gone).toMatchObject({ shape: { status: 404 } })
      expect(first).toMatchObject({ created: true, subscriber: { userId: 'ada' } })
      expect(second).toMatchObject({ created: false, subscriber: { userId: 'bob', userEpoch: 1 } })
      expect(moved).toMatchObject({ created: false, subscriber: { id: known.id, userId: 'bob' } })
      expect(others.map((result) => 'created' in result && result.created)).toEqual(Array(60).fill(true))
      const stored = (await api.get(`${one.base}/subscribers?token=twice`)).body.data
      expect(stored).toMatchObject([{ user_id: 'bob', status: 'active' }])
      const events = [...(await one.events()), ...(await other.events())]
      const names = events.map(({ type, body }) => type + body.data.subscriber_id)
      expect(events).toHaveLength(1 + 2 + 1 + 1 + 1 + 60)
      expect(names.filter((name) => name === `subscriber.registered${left.id}`)).toHaveLength(2)
      expect(new Set(names).size).toBe(names.length - 1)
    })

    /** Of a handful of devices, so that they meet each other. */
    const row = fc.oneof(
      { arbitrary: fc.constantFrom(null, {}, { platform: 'web', token: 'http://push.example/' }), weight: 1 },
      {
        arbitrary: fc.record(
          {
            platform: fc.constantFrom('android', 'ios'),
            token: fc.constantFrom('ab'.repeat(32), 'AB'.repeat(32), 'cd'.repeat(32)),
            user_id: fc.constantFrom('ada', 'bob', null),
            tags: fc.constantFrom(['a'], [], null),
            metadata: fc.constantFrom({ a: 1 }, {}),
            old_token: fc.constantFrom('ab'.repeat(32), 'ef'.repeat(32)),
            keep_unsubscribed: fc.boolean(),
          },
          { requiredKeys: ['platform', 'token'] },
        ),
        weight: 8,
      },
      {
        arbitrary: fc.record(
          {
            endpoint: fc.constantFrom('https://127.0.0.1:9/1', 'https://127.0.0.1:9/2#a'),
            keys: fc.constantFrom(webKeys[0], webKeys[1]),
            old_token: fc.constantFrom('https://127.0.0.1:9/1', 'https://127.0.0.1:9/3'),
            user_id: fc.constantFrom('ada', 'bob'),
          },
          { requiredKeys: ['endpoint'] },
        ),
        weight: 5,
      },
    )

    test('a batch comes to what its rows alone come to, one after the other', async () => {
      const shown = ({ status, data, ...refusal }: Answered) => ({
        status,
        ...refusal,
        ...(data && {
          ...data,
          id: 0,
          app_id: 0,
          created_at: 0,
          updated_at: 0,
          last_seen_at: 0,
          last_active_at: 0,
        }),
      })
      const state = async ({ base, events }: Awaited<ReturnType<typeof makeApp>>) => ({
        subscribers: (await api.get(`${base}/subscribers`)).body.data
          .map((data: object) => JSON.stringify(shown({ status: 200, data })))
          .sort(),
        events: (await events()).map(({ type, body }) => [type, body.data.user_id, body.data.platform]),
      })
      const property = async (before: unknown[], rows: unknown[]) => {
        const [alone, together] = [await makeApp(), await makeApp()]
        for (const { base } of [alone, together]) {
          for (const one of before) await api.post(`${base}/subscribers`, one)
          const [first] = (await api.get(`${base}/subscribers`)).body.data
          if (first) await api.post(`${base}/subscribers/${first.id}/unsubscribe`, {})
        }
        const single: Answered[] = []
        for (const one of rows) {
          const { status, body } = await api.post(`${alone.base}/subscribers`, one)
          single.push({ status, ...body })
        }
        const batch = await api.post(`${together.base}/subscribers/batch`, { subscribers: rows })
        expect(batch.status).toBe(200)
        const inBatch = batch.body.data as Answered[]
        // A body that is no object has another wording.
        const withoutError = (answer: Answered) => (answer.status === 400 ? { status: 400 } : shown(answer))
        expect(inBatch.map(withoutError)).toEqual(single.map(withoutError))
        expect(await state(together)).toEqual(await state(alone))
      }
      const rowsOf = (most: number) => fc.array(row, { minLength: 1, maxLength: most })
      await fc.assert(fc.asyncProperty(rowsOf(3), rowsOf(12), property), { numRuns: 12 })
    })

    test('texts are stored as they are given, whatever they mean in SQL', async () => {
      const { base } = await makeApp()
      const odd = ['NULL', 'null', '"', '\\', '\\"', '{a,b}', '{}', ',', "'", 'a\n\tb', 'é😀', '\\x41', '$1']
      const fields = (text: string) => ({
        user_id: text,
        tags: [text, `${text},`],
        metadata: { [text]: text },
      })
      const rows = odd.map((text, n) => ({ platform: 'android', token: `odd-${n}`, ...fields(text) }))
      const { data } = (await api.post(`${base}/subscribers/batch`, { subscribers: rows })).body
      const stored = async (n: number) => (await api.get(`${base}/subscribers?token=odd-${n}`)).body.data
      for (const [n, text] of odd.entries()) {
        expect(await stored(n)).toMatchObject([fields(text)])
        const other = fields(odd.at(n - 1)!)
        await api.patch(`${base}/subscribers/${data[n].data.id}`, other)
        expect(await stored(n)).toMatchObject([other])
      }
    })

    test('a batch has its limits, and names what it ignores', async () => {
      const { base } = await makeApp()
      const path = `${base}/subscribers/batch`
      const rows = (count: number, fields: object = {}) =>
        Array.from({ length: count }, (_, n) => ({ platform: 'android', token: `device-${n}`, ...fields }))
      const of = (subscribers: unknown) => api.post(path, { subscribers })
      const details = async (subscribers: unknown) => (await of(subscribers)).body.details
      expect(await details([])).toEqual({ subscribers: ['must have at least 1 entries'] })
      expect(await details(rows(1_001))).toEqual({ subscribers: ['must have at most 1000 entries'] })
      expect(await details({})).toEqual({ subscribers: ['must be an array'] })
      const full = await of(rows(1_000, { metadata: { text: 'x'.repeat(2_000) } }))
      expect(full.body.data.map(({ status }: Answered) => status)).toEqual(Array(1_000).fill(201))
      const ignored = await of([
        { platform: 'android', token: 'a' },
        { platform: 'android', token: 'b', tag: 'c' },
      ])
      expect(ignored.headers.get('x-krafter-ignored')).toBe('subscribers.1.tag')
      expect((await api.get(`${base}`)).body.data.subscriber_count).toBe(1_002)
      const elsewhere = await api.post(`/push/apps/${randomUUID()}/subscribers/batch`, {
        subscribers: rows(1),
      })
      expect(elsewhere.status).toBe(404)
    })

    test('no app waits for the end of another one', async ({ skip }) => {
      const { db, backend } = running.service.deps
      if (backend === 'pglite') skip('it has one connection')
      const [ending, other] = [await makeApp(), await makeApp()]
      const deleted = Promise.withResolvers<void>()
      const held = Promise.withResolvers<void>()
      const deletion = db.transaction().execute(async (trx) => {
        await sql`select from apps where id = ${ending.appId} for update`.execute(trx)
        held.resolve()
        await deleted.promise
        await deleteApp(trx, ending.appId)
      })
      await held.promise
      const notify = (appId: string) =>
        api.post(`/push/apps/${appId}/notifications`, {
          title: 't',
          targeting: { type: 'user_ids', ids: ['u'] },
        })
      const waiting = [ending.register, () => notify(ending.appId)].flatMap((call) =>
        Array.from({ length: 3 }, call),
      )
      expect((await other.register()).status).toBe(201)
      expect((await other.register()).status).toBe(200)
      expect((await notify(other.appId)).status).toBe(201)
      deleted.resolve()
      await deletion
      for (const { status } of await Promise.all(waiting)) expect(status).toBe(404)
    })
  })

  describe('while partitions are missing', () => {
    const metrics = async () => (await fetch(`${api.url}/metrics`)).text()
    const horizonOf = async (table: string) => {
      const [, seconds] = new RegExp(`partition_horizon_seconds\\{table="${table}"\\} (\\S+)`).exec(
        await metrics(),
      )!
      return Number(seconds)
    }
    const missing = () => running.logs.filter(({ msg }) => msg === 'partitions.missing')

    afterEach(() => {
      running.clock.ahead = 0
    })

    test.each([0, 40, -40])('events are published by a clock that is %i days ahead', async (days) => {
      const { base, events } = await makeApp()
      const { db } = running.service.deps
      const { rows } = await sql<{ name: string }>`
        select inhrelid::regclass::text as name from pg_inherits
        where inhparent in ('events'::regclass, 'deliveries'::regclass)`.execute(db)
      for (const { name } of rows) await sql`drop table ${sql.id(name)}`.execute(db)
      running.clock.ahead = days * dayMs
      await expect.poll(() => horizonOf('events')).toBe(0)
      const told = missing().length

      const register = (n: number) =>
        api.post(`${base}/subscribers`, { platform: 'android', token: `missing-${days}-${n}` })
      const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => register(n)))
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
      expect(await events()).toHaveLength(8)
      expect(missing().length).toBeGreaterThan(told)
      expect(missing().at(-1)).toMatchObject({ level: 'error', moment: expect.any(String) })
      for (const table of ['events', 'deliveries', 'attempts', 'receipts']) {
        await expect.poll(() => horizonOf(table)).toBeGreaterThan(13 * 86_400)
      }
    })

    test('an error is logged days before there are none', async () => {
      const { deps } = running.service
      const near = () => running.logs.filter(({ msg }) => msg === 'partitions.horizon_near')
      await reportNearHorizon(deps)
      expect(near()).toEqual([])
      running.clock.ahead = 400 * dayMs
      await reportNearHorizon(deps)
      expect(near()).toMatchObject([
        { level: 'error', near: [{ table: 'events', aheadSeconds: 0 }, {}, {}, {}] },
      ])
      await runRetention(deps)
      expect(near()).toHaveLength(1)
    })
  })
})
