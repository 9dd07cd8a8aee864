import { createECDH, ECDH } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generateVapidKeys, type VapidKeys } from '../../src/channels/web-push/vapid-keys.ts'
import { invalidateSubscribers } from '../../src/subscribers/subscriber-store.ts'
import { runSubscriberUpkeep } from '../../src/subscribers/upkeep-job.ts'
import { type Api, poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { type Device, type PushService, startPushService } from '../support/push-service.ts'
import { startTestService, type TestService } from '../support/service.ts'

const maxPayloadBytes = 3_993
/** What a device reports by: `t` in its payload, another for each. */
const tokenLength = 84
const tokenForm = /^[A-Za-z0-9_-]{84}$/
const dayMs = 86_400_000
const iosToken = 'ab'.repeat(32)
const androidToken = 'fcm:APA91b_-'
const nobody = { type: 'user_ids', ids: ['nobody'] }

describeOnEachBackend('the push API', (make) => {
  let running: TestService
  let pushService: PushService
  let api: Api
  /** An app of the test's own, and the path below which all that is its lies. */
  let app: { id: string; vapid_private_key: string }
  let base: string

  beforeAll(async () => {
    ;[running, pushService] = await Promise.all([startTestService(await make()), startPushService()])
    api = running.api
  })

  beforeEach(async () => {
    app = (await api.post('/push/apps', { name: 'A' })).body.data
    base = `/push/apps/${app.id}`
  })

  afterAll(async () => {
    await running.end()
    await pushService.stop()
  })

  const invalid = (details: Record<string, string[]>) => ({
    status: 422,
    body: { error: 'Validation failed', details },
  })

  /** Waits until a notification's fan-out has completed. */
  async function completed(id: string) {
    const { body } = await poll(
      () => api.get(`${base}/notifications/${id}`),
      ({ body }) => body.data.status !== 'sending',
    )
    return body.data
  }

  async function send(fields: object = {}) {
    const answer = await api.post(`${base}/notifications`, { title: 'T', ...fields })
    expect(answer.status).toBe(201)
    return completed(answer.body.data.id)
  }

  const register = async (body: object) => {
    const answer = await api.post(`${base}/subscribers`, body)
    expect(answer.status).toBe(201)
    return answer.body.data
  }

  describe('apps', () => {
    const fieldNames = [
      'id',
      'name',
      'vapid_public_key',
      'subscriber_count',
      'settings',
      'created_at',
      'updated_at',
      'vapid_public_keys',
      'publishable_key',
      'public_registration',
      'has_identity_secret',
    ]

    test('an app is made with its keys, and shows the private one this once', async () => {
      const settings = { default_icon: 'https://shop.example/icon.png', theme: { z: 1, a: [null, true] } }
      const answer = await api.post('/push/apps', { name: 'My shop', settings })
      expect(answer.status).toBe(201)
      const { vapid_private_key, ...shown } = answer.body.data
      expect(Object.keys(answer.body.data)).toEqual([...fieldNames, 'vapid_private_key'])
      expect(shown).toMatchObject({ name: 'My shop', settings, subscriber_count: 0 })
      expect(Object.keys(shown.settings.theme)).toEqual(['z', 'a'])

      const pair = createECDH('prime256v1')
      pair.setPrivateKey(Buffer.from(vapid_private_key, 'base64url'))
      expect(vapid_private_key).toMatch(/^[\w-]{43}$/)
      expect(pair.getPublicKey('base64url')).toBe(shown.vapid_public_key)

      const own = `/push/apps/${shown.id}`
      expect((await api.get(own)).body).toEqual({ data: shown })
      expect((await api.get('/push/apps')).body.data).toContainEqual(shown)
      const changed = await api.patch(own, { name: 'Our shop' })
      expect(Object.keys(changed.body.data)).toEqual(fieldNames)
      expect(changed.body.data.vapid_public_key).toBe(shown.vapid_public_key)
    })

    test('the private key is encrypted at rest', async () => {
      const { db, crypto } = running.service.deps
      const { vapid_private_key: stored } = await db
        .selectFrom('apps')
        .select('vapid_private_key')
        .where('id', '=', app.id)
        .executeTakeFirstOrThrow()
      const key = Buffer.from(app.vapid_private_key, 'base64url')
      expect(Buffer.from(stored).includes(key)).toBe(false)
      expect(Buffer.from(stored).includes(app.vapid_private_key)).toBe(false)
      expect(crypto.decrypt(stored, `vapid-private-key:${app.id}`)).toEqual(key)
      expect(JSON.stringify(running.logs)).not.toContain(app.vapid_private_key)
    })

    test('an app takes a key pair that is in use elsewhere, and only a pair', async () => {
      const [own, other] = [generateVapidKeys(), generateVapidKeys()]
      const body = (publicKey: unknown, privateKey: unknown) => ({
        name: 'Moved here',
        vapid_public_key: publicKey,
        vapid_private_key: privateKey,
      })
      const privateKey = own.privateKey.toString('base64url')
      // As other tools write keys: plain base64 with padding.
      const plain = Buffer.from(own.publicKey, 'base64url').toString('base64')
      const made = await api.post('/push/apps', body(plain, own.privateKey.toString('base64')))
      expect(made.status).toBe(201)
      expect(made.body.data).toMatchObject({
        vapid_public_key: own.publicKey,
        vapid_public_keys: [own.publicKey],
        vapid_private_key: privateKey,
      })

      const path = `/push/apps/${made.body.data.id}`
      const count = (await api.get('/push/apps')).body.data.length
      const noPoint = 'must be an uncompressed P-256 public key in base64url'
      const noScalar = 'must be a P-256 private key: 32 bytes in base64url'
      const wrong: [object, Record<string, string[]>][] = [
        [
          body(own.publicKey, other.privateKey.toString('base64url')),
          { vapid_private_key: ['does not belong to vapid_public_key'] },
        ],
        [body(own.publicKey, undefined), { vapid_private_key: ['is required with vapid_public_key'] }],
        [body(undefined, privateKey), { vapid_public_key: ['is required with vapid_private_key'] }],
        [body(privateKey, privateKey), { vapid_public_key: [noPoint] }],
        [body(`${own.publicKey.slice(0, -1)}!`, privateKey), { vapid_public_key: [noPoint] }],
        [body(own.publicKey, own.publicKey), { vapid_private_key: [noScalar] }],
        [body(own.publicKey, 'A'.repeat(43)), { vapid_private_key: [noScalar] }],
        [body(own.publicKey, 7), { vapid_private_key: ['must be a string'] }],
      ]
      for (const [given, details] of wrong) {
        for (const answer of [await api.post('/push/apps', given), await api.patch(path, given)]) {
          expect(answer).toMatchObject({ status: 422, body: { details } })
          expect(JSON.stringify(answer.body)).not.toContain(privateKey)
        }
      }
      expect((await api.get('/push/apps')).body.data).toHaveLength(count)
      expect((await api.get(path)).body.data).toMatchObject({ vapid_public_keys: [own.publicKey] })
      expect(JSON.stringify(running.logs)).not.toContain(privateKey)
    })

    test('an app changes its key pair and shows the public keys of all, at most 20', async () => {
      const first = (await api.get(base)).body.data.vapid_public_key
      const pairs = Array.from({ length: 20 }, generateVapidKeys)
      const change = ({ publicKey, privateKey }: VapidKeys) =>
        api.patch(base, {
          vapid_public_key: publicKey,
          vapid_private_key: privateKey.toString('base64url'),
        })
      for (const pair of pairs.slice(0, 19)) expect(await change(pair)).toMatchObject({ status: 200 })
      expect(await change(pairs[19]!)).toMatchObject({
        status: 422,
        body: { details: { vapid_public_key: ['the app has 20 key pairs, and cannot have more'] } },
      })
      // One that it had before is no other, and the same again changes nothing.
      for (const pair of [pairs[3]!, pairs[3]!]) expect(await change(pair)).toMatchObject({ status: 200 })
      const shown = (await api.get(base)).body.data
      expect(shown.vapid_public_key).toBe(pairs[3]!.publicKey)
      expect(shown).not.toHaveProperty('vapid_private_key')
      const newestFirst = pairs
        .slice(0, 19)
        .reverse()
        .map(({ publicKey }) => publicKey)
      expect(shown.vapid_public_keys).toEqual([
        pairs[3]!.publicKey,
        ...newestFirst.filter((key) => key !== pairs[3]!.publicKey),
        first,
      ])
      const { db, crypto } = running.service.deps
      const stored = await db.selectFrom('vapid_pairs').selectAll().where('app_id', '=', app.id).execute()
      for (const { private_key } of stored.filter(({ number }) => number > 0)) {
        const decrypted = crypto.decrypt(private_key, `vapid-private-key:${app.id}`)
        expect(pairs.some(({ privateKey }) => privateKey.equals(decrypted))).toBe(true)
      }
    })

    test('a change changes what is given; settings as a whole', async () => {
      await api.patch(base, { settings: { default_icon: 'i', default_url: 'u' } })
      const before = (await api.get(base)).body.data
      running.clock.ahead = 10_000
      const named = (await api.patch(base, { name: 'B' })).body.data
      expect(named).toEqual({ ...before, name: 'B', updated_at: named.updated_at })
      expect(Date.parse(named.updated_at)).toBeGreaterThan(Date.parse(before.updated_at))
      const set = (await api.patch(base, { settings: { default_url: 'v' } })).body.data
      expect(set).toEqual({ ...named, settings: { default_url: 'v' }, updated_at: set.updated_at })
      for (const nothing of [{}, { name: 'B' }, { settings: { default_url: 'v' } }]) {
        running.clock.ahead += 10_000
        expect((await api.patch(base, nothing)).body.data).toEqual(set)
      }
      running.clock.ahead = 0
      for (const [body, details] of [
        [{ name: null }, { name: ['must be a string'] }],
        [{ name: '' }, { name: ['must not be empty'] }],
        [{ settings: null }, { settings: ['must be an object'] }],
        [{ settings: [] }, { settings: ['must be an object'] }],
        [
          { name: 'C', settings: { x: 'x'.repeat(16_384) } },
          { settings: ['must be at most 16384 bytes of JSON'] },
        ],
      ] as const) {
        expect(await api.patch(base, body)).toMatchObject(invalid(details as never))
      }
      expect((await api.get(base)).body.data).toEqual(set)
    })

    test('the count of subscribers is that of the active ones', async () => {
      const first = await register({ platform: 'ios', token: iosToken })
      await register({ platform: 'android', token: androidToken })
      expect((await api.get(base)).body.data.subscriber_count).toBe(2)
      await api.patch(`${base}/subscribers/${first.id}`, { status: 'unsubscribed' })
      expect((await api.get(base)).body.data.subscriber_count).toBe(1)
      const listed = (await api.get('/push/apps')).body.data
      expect(listed.find(({ id }: { id: string }) => id === app.id).subscriber_count).toBe(1)
    })

    test('the count stays exact whatever happens at once, and is read without counting', async () => {
      const { deps } = running.service
      const { db } = deps
      const tokens = Array.from({ length: 40 }, (_, n) => `${app.id}-${n}`)
      const device = (token: string) => ({ platform: 'android', token })
      // Each twice at once: half of the requests meet a token that is being registered.
      const answers = await Promise.all(
        [...tokens, ...tokens].map((token) => api.post(`${base}/subscribers`, device(token))),
      )
      const ids = [...new Set(answers.map(({ body }) => body.data.id as string))]
      const path = (n: number) => `${base}/subscribers/${ids[n]}`
      await Promise.all([
        ...[0, 1, 2].map((n) => api.delete(path(n))),
        ...[3, 4, 4].map((n) => api.post(`${path(n)}/unsubscribe`, {})),
        ...[5, 6].map((n) => api.patch(path(n), { status: 'unsubscribed' })),
        ...[7, 8, 8].map((n) => api.patch(path(n), { tags: ['a'] })),
        db.transaction().execute((trx) =>
          invalidateSubscribers(
            trx,
            ids.slice(9, 12).map((subscriberId) => ({ appId: app.id, subscriberId })),
            new Date(),
          ),
        ),
        register(device(`${app.id}-new`)),
      ])
      const count = async () => (await api.get(base)).body.data.subscriber_count
      expect(await count()).toBe(40 - 3 - 2 - 2 - 3 + 1)
      await Promise.all([4, 4, 9].map((n) => api.patch(path(n), { status: 'active' })))
      expect(await count()).toBe(33)
      const active = await api.get(`${base}/subscribers?status=active&limit=100`)
      expect(active.body.data).toHaveLength(33)
      // What earlier versions write is counted too, and a transaction that failed is not.
      await db.updateTable('subscribers').set({ status: 'inactive' }).where('app_id', '=', app.id).execute()
      expect(await count()).toBe(0)
      const failed = db.transaction().execute(async (trx) => {
        await trx.updateTable('subscribers').set({ status: 'active' }).where('app_id', '=', app.id).execute()
        throw new Error('fails')
      })
      await expect(failed).rejects.toThrow('fails')
      expect(await count()).toBe(0)
      await db.insertInto('subscriber_counts').values({ app_id: app.id, part: app.id, count: '7' }).execute()
      expect(await count()).toBe(7)
    })

    test('no registration waits for another, though both are counted', async ({ skip }) => {
      const { db, backend } = running.service.deps
      if (backend === 'pglite') skip('it has one connection')
      const device = (n: number) => ({ platform: 'android', token: `${app.id}-${n}` })
      const [first] = [await register(device(0)), await register(device(1))]
      await db.transaction().execute(async (trx) => {
        await invalidateSubscribers(trx, [{ appId: app.id, subscriberId: first.id }], new Date())
        await register(device(2))
        expect((await api.get(base)).body.data.subscriber_count).toBe(3)
      })
      expect((await api.get(base)).body.data.subscriber_count).toBe(2)
    })

    test.each([
      ['apps', () => '/push/apps', () => ({ name: 'A' })],
      ['webhooks', () => `${base}/webhooks`, () => ({ url: `${pushService.origin}/no-receiver` })],
      ['subscribers', () => `${base}/subscribers`, (n) => ({ platform: 'android', token: `t-${n}` })],
      ['notifications', () => `${base}/notifications`, () => ({ title: 'T', targeting: nobody })],
    ] as [string, () => string, (n: number) => object][])(
      'the list of %s is read page by page, and new ones do not shift it',
      async (_, path, body) => {
        for (let n = 0; n < 5; n++) expect((await api.post(path(), body(n))).status).toBe(201)
        const idsOf = (data: { id: string }[]) => data.map(({ id }) => id)
        // Apps of other tests are in their list, too.
        const all = idsOf((await api.get(path())).body.data)
        const newestFirst = all[0]! > all[1]!
        const read: string[] = []
        for (let cursor = ''; ; ) {
          const answer = await api.get(`${path()}?limit=2${cursor}`)
          read.push(...idsOf(answer.body.data))
          if (read.length <= 2 && newestFirst) await api.post(path(), body(9))
          if (answer.body.next_cursor === null) break
          expect(answer.body.data).toHaveLength(2)
          cursor = `&cursor=${answer.body.next_cursor}`
        }
        expect(read).toEqual(all)
        const bad = await api.get(`${path()}?cursor=${Buffer.alloc(17).toString('base64url')}`)
        expect(bad).toMatchObject(
          invalid({ cursor: ['is not a cursor of this list: pass next_cursor as you received it'] }),
        )
      },
    )

    test('a deleted app takes all that is its along, and nothing else', async () => {
      const { db } = running.service.deps
      const tables = await sql<{ name: string }>`
        select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
          and a.attname = 'app_id' order by 1`.execute(db)
      const countRows = async (id: string) =>
        Object.fromEntries(
          await Promise.all(
            tables.rows.map(async ({ name }) => {
              const counted = await sql<{ count: number }>`
                select count(*)::int as count from ${sql.table(name)} where app_id = ${id}`.execute(db)
              return [name, counted.rows[0]!.count] as const
            }),
          ),
        )
      const filled = [
        'attempts',
        'deliveries',
        'events',
        'idempotency_keys',
        'notification_batches',
        'notifications',
        'subscriber_counts',
        'subscribers',
        'webhooks',
      ]
      const fill = async (path: string) => {
        await api.post(`${path}/subscribers`, pushService.makeDevice().registration)
        await api.post(`${path}/webhooks`, {
          url: `${pushService.origin}/no-receiver`,
          events: ['notification.sent'],
        })
        await api.post(`${path}/notifications`, { title: 'T' }, { 'idempotency-key': 'k' })
      }
      const kept = (await api.post('/push/apps', { name: 'Kept' })).body.data
      await Promise.all([fill(base), fill(`/push/apps/${kept.id}`)])
      for (const id of [app.id, kept.id]) {
        await poll(
          () => countRows(id),
          (counts) => filled.every((table) => counts[table]! > 0),
        )
      }
      expect(await api.delete(base)).toMatchObject({ status: 204, body: undefined })
      const keptRows = await countRows(kept.id)
      expect(Object.values(await countRows(app.id))).toEqual(tables.rows.map(() => 0))
      expect(filled.filter((table) => keptRows[table] === 0)).toEqual([])
      for (const path of [base, `${base}/subscribers`, `${base}/notifications`, `${base}/webhooks`]) {
        expect(await api.get(path)).toMatchObject({ status: 404, body: { error: 'Not found' } })
      }
      expect((await api.delete(base)).status).toBe(404)
      // What is still under way for it comes to nothing.
      expect((await api.get(`/push/apps/${kept.id}`)).status).toBe(200)
      expect(Object.values(await countRows(app.id))).toEqual(tables.rows.map(() => 0))
    })

    test('an app can be deleted while its notification is fanned out and delivered', async () => {
      const logged = running.logs.length
      const device = pushService.makeDevice()
      const rounds = Array.from({ length: 24 }, async (_, round) => {
        const path = `/push/apps/${(await api.post('/push/apps', { name: 'Short' })).body.data.id}`
        await api.post(`${path}/subscribers`, device.registration)
        await api.post(`${path}/webhooks`, {
          url: `${pushService.origin}/no-receiver`,
          events: ['notification.sent'],
        })
        const { id } = (await api.post(`${path}/notifications`, { title: 'T' })).body.data
        // Every third at once, every third when it was fanned out, every third when its event is delivered.
        await poll(
          () => api.get(`${path}/notifications/${id}`),
          ({ body }) => [true, body.data.stats.total_count > 0, body.data.status === 'sent'][round % 3]!,
        )
        return api.delete(path)
      })
      const answers = await Promise.all(rounds)
      expect(answers.map(({ status }) => status)).toEqual(Array(24).fill(204))
      expect(running.logs.slice(logged).filter(({ level }) => level === 'error')).toEqual([])
    })
  })

  describe('subscribers', () => {
    const fieldNames = [
      'id',
      'app_id',
      'platform',
      'token',
      'user_id',
      'tags',
      'metadata',
      'status',
      'last_active_at',
      'last_seen_at',
      'created_at',
      'updated_at',
      'inactive_reason',
    ]

    test('of each platform, with nothing but what it needs', async () => {
      const device = pushService.makeDevice()
      for (const body of [
        device.registration,
        { platform: 'ios', token: iosToken },
        { platform: 'ios', token: 'AB'.repeat(100) },
        { platform: 'android', token: androidToken },
      ]) {
        const answer = await api.post(`${base}/subscribers`, body)
        expect(answer.status).toBe(201)
        const { data } = answer.body
        expect(Object.keys(data)).toEqual(fieldNames)
        expect(data).toEqual({
          id: data.id,
          app_id: app.id,
          platform: body.platform,
          token: body.token,
          user_id: null,
          tags: [],
          metadata: {},
          status: 'active',
          last_active_at: data.created_at,
          last_seen_at: data.created_at,
          created_at: data.created_at,
          updated_at: data.created_at,
          inactive_reason: null,
        })
        expect((await api.get(`${base}/subscribers/${data.id}`)).body).toEqual(answer.body)
      }
    })

    test('any text is kept as it was given', async () => {
      const odd = ['a,b', '{"x"}', 'NULL', 'back\\slash', "it's", 'ü🔔', ' space ', '%']
      const metadata = { z: 1, a: { nested: [1, null, 'NUL \u0000', '\ud83d'] }, '': true }
      const made = await register({
        platform: 'android',
        token: androidToken,
        user_id: 'user "1"; --',
        tags: [...odd, ...odd],
        metadata,
      })
      expect(made).toMatchObject({ user_id: 'user "1"; --', tags: odd, metadata })
      expect((await api.get(`${base}/subscribers/${made.id}`)).body.data).toEqual(made)
      for (const tag of odd) {
        const { stats } = await send({ targeting: { type: 'tags', tags: [tag] } })
        expect({ tag, count: stats.total_count }).toEqual({ tag, count: 1 })
      }
      expect((await send({ targeting: { type: 'user_ids', ids: ['user "1"; --'] } })).stats.total_count).toBe(
        1,
      )
    })

    test('a known token updates its subscriber: given fields change, others stay, it is active again', async () => {
      const device = pushService.makeDevice()
      const made = await register({
        ...device.registration,
        user_id: 'ada',
        tags: ['a'],
        metadata: { plan: 'pro' },
      })
      await api.patch(`${base}/subscribers/${made.id}`, { status: 'unsubscribed' })
      running.clock.ahead = 10_000
      const renewed = pushService.makeDevice()
      const again = await api.post(`${base}/subscribers`, {
        ...device.registration,
        keys: renewed.registration.keys,
        tags: ['b', 'c'],
      })
      running.clock.ahead = 0
      expect(again.status).toBe(200)
      const { last_seen_at, last_active_at, updated_at, ...rest } = again.body.data
      expect(rest).toEqual({
        id: made.id,
        app_id: app.id,
        platform: 'web',
        token: device.registration.token,
        user_id: 'ada',
        tags: ['b', 'c'],
        metadata: { plan: 'pro' },
        status: 'active',
        created_at: made.created_at,
        inactive_reason: null,
      })
      expect([updated_at, last_active_at]).toEqual([last_seen_at, last_seen_at])
      expect(Date.parse(last_seen_at)).toBeGreaterThanOrEqual(Date.parse(made.last_seen_at) + 9_000)
      const cleared = await api.post(`${base}/subscribers`, {
        ...device.registration,
        user_id: null,
        tags: [],
        metadata: {},
      })
      expect(cleared.body.data).toMatchObject({ user_id: null, tags: [], metadata: {} })
      expect((await api.get(`${base}/subscribers`)).body.data).toHaveLength(1)
      const { p256dh } = await running.service.deps.db
        .selectFrom('subscribers')
        .select('p256dh')
        .where('id', '=', made.id)
        .executeTakeFirstOrThrow()
      expect(Buffer.from(p256dh!).toString('base64url')).toBe(device.registration.keys.p256dh)
    })

    test('requests at once with one token make one subscriber', async () => {
      const { registration } = pushService.makeDevice()
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => api.post(`${base}/subscribers`, registration)),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(7).fill(200), 201])
      expect(new Set(answers.map(({ body }) => body.data.id)).size).toBe(1)
    })

    test('a token is known in its app and on its platform', async () => {
      const token = iosToken
      const ids = [
        (await register({ platform: 'ios', token })).id,
        (await register({ platform: 'android', token })).id,
      ]
      base = `/push/apps/${(await api.post('/push/apps', { name: 'B' })).body.data.id}`
      ids.push((await register({ platform: 'ios', token })).id)
      expect(new Set(ids).size).toBe(3)
    })

    test('bad registrations name the field and store nothing', async () => {
      const { registration } = pushService.makeDevice()
      const { token, keys } = registration
      const point = Buffer.from(keys.p256dh, 'base64url')
      const off = Buffer.from(point)
      off[64]! ^= 1
      const compressed = ECDH.convertKey(point, 'prime256v1', undefined, 'base64url', 'compressed')
      const badPoint = { 'keys.p256dh': ['must be an uncompressed P-256 public key in base64url'] }
      const badAuth = { 'keys.auth': ['must be 16 bytes in base64url'] }
      const notPublic = { token: ['must not point to a private or reserved address'] }
      const web = (change: object) => ({ ...registration, ...change })
      const withKeys = (change: object) => web({ keys: { ...keys, ...change } })
      const cases: [Record<string, unknown>, Record<string, string[]>][] = [
        [{}, { platform: ['must be one of web, ios, android'], token: ['is required'] }],
        [{ platform: 'web' }, { token: ['is required'] }],
        [web({ keys: undefined }), { keys: ['is required for web'] }],
        [web({ keys: null }), { keys: ['must be an object'] }],
        [web({ keys: 'text' }), { keys: ['must be an object'] }],
        [web({ keys: {} }), { 'keys.p256dh': ['is required'], 'keys.auth': ['is required'] }],
        [withKeys({ auth: undefined }), { 'keys.auth': ['is required'] }],
        [withKeys({ p256dh: off.toString('base64url') }), badPoint],
        [withKeys({ p256dh: Buffer.alloc(65, 4).toString('base64url') }), badPoint],
        [withKeys({ p256dh: compressed }), badPoint],
        [withKeys({ p256dh: point.subarray(0, 64).toString('base64url') }), badPoint],
        [withKeys({ p256dh: `${keys.p256dh}!` }), badPoint],
        [withKeys({ p256dh: '' }), badPoint],
        [withKeys({ auth: Buffer.alloc(15).toString('base64url') }), badAuth],
        [withKeys({ auth: Buffer.alloc(17).toString('base64url') }), badAuth],
        [withKeys({ auth: 'not base64!' }), badAuth],
        [withKeys({ auth: '' }), badAuth],
        [web({ token: 'nonsense' }), { token: ['must be a valid URL'] }],
        [web({ token: token.replace('https', 'http') }), { token: ['must use https://'] }],
        [
          web({ token: 'https://user@127.0.0.1/push' }),
          { token: ['must not contain a user name or password'] },
        ],
        [web({ token: 'https://10.0.0.1/push' }), notPublic],
        [web({ token: 'https://169.254.169.254/push' }), notPublic],
        [web({ token: 'https://[::1]/push' }), notPublic],
        [web({ token: 'https://[::ffff:127.0.0.1]/push' }), notPublic],
        [web({ token: 'https://2851995649/push' }), notPublic],
        [
          web({ token: `${token}${'x'.repeat(2_048 - token.length + 1)}` }),
          { token: ['must be at most 2048 characters'] },
        ],
        [{ platform: 'ios', token: 'ab'.repeat(31) }, { token: ['must be 64 to 200 hexadecimal digits'] }],
        [{ platform: 'ios', token: `${iosToken}a` }, { token: ['must be 64 to 200 hexadecimal digits'] }],
        [{ platform: 'ios', token: 'xy'.repeat(32) }, { token: ['must be 64 to 200 hexadecimal digits'] }],
        [{ platform: 'ios', token }, { token: ['must be 64 to 200 hexadecimal digits'] }],
        [{ platform: 'android', token }, { token: ['must be an FCM registration token'] }],
        [{ platform: 'android', token: 'with space' }, { token: ['must be an FCM registration token'] }],
        [web({ tags: 'a' }), { tags: ['must be an array'] }],
        [web({ tags: [''] }), { 'tags.0': ['must not be empty'] }],
        [web({ tags: ['x'.repeat(101)] }), { 'tags.0': ['must be at most 100 characters'] }],
        [web({ tags: Array(101).fill('a') }), { tags: ['must have at most 100 entries'] }],
        [web({ user_id: 7 }), { user_id: ['must be a string'] }],
        [web({ user_id: 'x'.repeat(256) }), { user_id: ['must be at most 255 characters'] }],
        [web({ metadata: { x: 'x'.repeat(16_384) } }), { metadata: ['must be at most 16384 bytes of JSON'] }],
      ]
      for (const [body, details] of cases) {
        const answer = await api.post(`${base}/subscribers`, body)
        expect({ body, status: answer.status, answer: answer.body }).toEqual({
          body,
          status: 422,
          answer: { error: 'Validation failed', details },
        })
      }
      expect((await api.get(`${base}/subscribers`)).body).toEqual({ data: [], next_cursor: null })
    })

    test('the list: filters, limit, offset', async () => {
      const made = [
        await register({ platform: 'ios', token: iosToken }),
        await register({ platform: 'android', token: 'a-1' }),
        await register({ platform: 'android', token: 'a-2' }),
        await register({ platform: 'android', token: 'a-3' }),
        await register(pushService.makeDevice().registration),
      ]
      const gone = (await api.patch(`${base}/subscribers/${made[3].id}`, { status: 'unsubscribed' })).body
        .data
      made[3] = gone
      const byId = [...made].sort((a, b) => (a.id < b.id ? -1 : 1))
      const list = async (query: string) => (await api.get(`${base}/subscribers${query}`)).body.data
      const where = (fields: object) =>
        byId.filter((one) => expect.objectContaining(fields).asymmetricMatch(one))
      expect(await list('')).toEqual(byId)
      expect(await list('?platform=&status=&limit=50&offset=0')).toEqual(byId)
      expect(await list('?platform=android')).toEqual(where({ platform: 'android' }))
      expect(await list('?status=unsubscribed')).toEqual([gone])
      expect(await list('?status=inactive')).toEqual([])
      expect(await list('?platform=android&status=active')).toEqual(
        where({ platform: 'android', status: 'active' }),
      )
      expect(await list('?limit=2')).toEqual(byId.slice(0, 2))
      expect(await list('?limit=2&offset=2')).toEqual(byId.slice(2, 4))
      expect(await list('?limit=100&offset=4')).toEqual(byId.slice(4))
      expect(await list('?offset=5')).toEqual([])
      expect(await list('?unknown=1')).toEqual(byId)
      for (const limit of ['0', '101', '-1', '1.5', 'x', '1e2', '99999999999']) {
        expect(await api.get(`${base}/subscribers?limit=${limit}`)).toMatchObject(
          invalid({ limit: ['must be a whole number from 1 to 100'] }),
        )
      }
      await Promise.all(
        Array.from({ length: 46 }, (_, n) => register({ platform: 'android', token: `more-${n}` })),
      )
      expect(await list('')).toHaveLength(50)
      expect(await list('?limit=100')).toHaveLength(51)
    })

    test('a change changes what is given', async () => {
      const device = pushService.makeDevice()
      let subscriber = await register({ ...device.registration, user_id: 'ada', tags: ['a'] })
      const one = `${base}/subscribers/${subscriber.id}`
      const renewed = pushService.makeDevice()
      const { token, keys } = renewed.registration
      const changes = [
        [{ tags: ['x', 'y'] }, {}],
        [{ user_id: 'ada', metadata: { plan: 'pro' } }, {}],
        // What was about one user is not about the next.
        [{ user_id: 'grace' }, { tags: [], metadata: {} }],
        [{ tags: ['z'], metadata: { plan: 'free' } }, {}],
        [{ user_id: null, metadata: { plan: 'none' } }, { tags: [] }],
        [{ tags: ['kept'] }, {}],
        [{ user_id: 'ada' }, {}],
        [
          { tags: null, metadata: null },
          { tags: [], metadata: {} },
        ],
        [{ status: 'unsubscribed' }, {}],
        [{ status: 'active' }, {}],
        [{ token, keys }, { keys: undefined }],
        [{ token }, {}],
        [{}, {}],
      ] as const
      for (const [change, besides] of changes) {
        const answer = await api.patch(one, change)
        expect(answer.status).toBe(200)
        const { updated_at, last_seen_at, last_active_at } = answer.body.data
        // Only another token says that the device was there.
        const seen = 'token' in change ? { last_seen_at, last_active_at } : {}
        expect(answer.body.data).toEqual({ ...subscriber, ...change, ...besides, ...seen, updated_at })
        subscriber = answer.body.data
      }
      // The new endpoint with its keys works.
      expect((await send()).stats).toMatchObject({ total_count: 1, sent_count: 1 })
      expect(pushService.pushes.at(-1)!.device).toBe(renewed)
    })

    test('bad changes name the field and change nothing', async () => {
      const device = pushService.makeDevice()
      const other = await register({ ...pushService.makeDevice().registration, tags: ['other'] })
      const web = await register({ ...device.registration, user_id: 'ada' })
      const ios = await register({ platform: 'ios', token: iosToken })
      const before = (await api.get(`${base}/subscribers`)).body
      const cases: [string, Record<string, unknown>, Record<string, string[]>][] = [
        [
          web.id,
          { token: other.token, keys: device.registration.keys },
          { token: ['is already registered'] },
        ],
        [web.id, { token: other.token }, { keys: ['is required with another token'] }],
        [web.id, { token: `${device.registration.token}/2` }, { keys: ['is required with another token'] }],
        [
          web.id,
          { token: 'https://10.0.0.1/' },
          { token: ['must not point to a private or reserved address'] },
        ],
        [web.id, { token: 'http://127.0.0.1/' }, { token: ['must use https://'] }],
        [web.id, { token: null }, { token: ['must be a string'] }],
        [
          web.id,
          { keys: { ...device.registration.keys, auth: 'AA' } },
          { 'keys.auth': ['must be 16 bytes in base64url'] },
        ],
        [web.id, { keys: { auth: device.registration.keys.auth } }, { 'keys.p256dh': ['is required'] }],
        [
          web.id,
          { keys: { ...device.registration.keys, p256dh: Buffer.alloc(65, 4).toString('base64') } },
          { 'keys.p256dh': ['must be an uncompressed P-256 public key in base64url'] },
        ],
        [web.id, { status: 'inactive' }, { status: ['must be one of active, unsubscribed'] }],
        [web.id, { status: 'gone' }, { status: ['must be one of active, unsubscribed'] }],
        [web.id, { tags: ['fine', null] }, { 'tags.1': ['must be a string'] }],
        [web.id, { metadata: 'x' }, { metadata: ['must be an object'] }],
        [ios.id, { token: 'nonsense' }, { token: ['must be 64 to 200 hexadecimal digits'] }],
      ]
      for (const [id, body, details] of cases) {
        const answer = await api.patch(`${base}/subscribers/${id}`, { user_id: 'changed', ...body })
        expect({ body, status: answer.status, answer: answer.body }).toEqual({
          body,
          status: 422,
          answer: { error: 'Validation failed', details },
        })
      }
      expect((await api.get(`${base}/subscribers`)).body).toEqual(before)
    })

    test('an endpoint in any spelling is one subscriber, and is stored as parsers write it', async () => {
      const { registration } = pushService.makeDevice()
      const { origin, pathname } = new URL(registration.token)
      const spellings = [
        ` ${origin}${pathname}`,
        `${origin.replace('https', 'HTTPS')}${pathname}#part`,
        `${origin}/x/..${pathname}#`,
        `${registration.token}\n`,
        registration.token,
      ]
      const answers = await Promise.all(
        spellings.map((token) => api.post(`${base}/subscribers`, { ...registration, token })),
      )
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 201])
      for (const { body } of answers) expect(body.data.token).toBe(registration.token)
      expect(new Set(answers.map(({ body }) => body.data.id)).size).toBe(1)
      const name = 'https://EXAMPLE.com:443/Push?a=B'
      expect((await register({ ...registration, token: name })).token).toBe('https://example.com/Push?a=B')
      // Device tokens: blanks, and for iOS the case of the digits.
      const ios = await register({ platform: 'ios', token: ` ${iosToken.toUpperCase()}\n` })
      expect(ios.token).toBe(iosToken.toUpperCase())
      const again = await api.post(`${base}/subscribers`, { platform: 'ios', token: iosToken })
      expect([again.status, again.body.data.id]).toEqual([200, ios.id])
      const long = { ...registration, token: `https://example.com/${'ü'.repeat(400)}` }
      expect(await api.post(`${base}/subscribers`, long)).toMatchObject(
        invalid({ token: ['must be at most 2048 characters'] }),
      )
    })

    test("a browser's subscription is taken as its toJSON() gives it", async () => {
      const { token: endpoint, keys } = pushService.makeDevice().registration
      const json = { endpoint, expirationTime: null, keys }
      const made = await register({ ...json, user_id: 'ada', tags: ['a'], metadata: { plan: 'pro' } })
      expect(made).toMatchObject({ platform: 'web', token: endpoint, user_id: 'ada', tags: ['a'] })
      const same = { ...made, updated_at: expect.anything() }
      for (const body of [
        { subscription: json },
        { platform: 'web', subscription: { ...json, expirationTime: 1.5e12 } },
        { ...json, platform: 'web', token: endpoint, subscription: json },
        { ...json, tags: null, metadata: null, vapid_public_key: null },
        // Known: its keys are known, too.
        { platform: 'web', token: endpoint },
        { endpoint },
        { subscription: { endpoint } },
      ]) {
        const answer = await api.post(`${base}/subscribers`, body)
        expect({ body, status: answer.status, data: answer.body.data }).toEqual({
          body,
          status: 200,
          data: same,
        })
      }
      const other = pushService.makeDevice().registration
      const nulls = await register({ ...other, user_id: null, tags: null, metadata: null })
      expect(nulls).toMatchObject({ user_id: null, tags: [], metadata: {} })
      expect((await send()).stats).toMatchObject({ total_count: 2, sent_count: 2 })

      const third = pushService.makeDevice().registration.token
      const badKeys = { ...keys, auth: 'AA' }
      for (const [body, details] of [
        [{ endpoint: third }, { keys: ['is required for web'] }],
        [{ subscription: { endpoint: third } }, { keys: ['is required for web'] }],
        [{ keys }, { platform: ['must be one of web, ios, android'], token: ['is required'] }],
        [{ subscription: {} }, { 'subscription.endpoint': ['is required'] }],
        [{ subscription: 'x' }, { subscription: ['must be an object'] }],
        [
          { subscription: { endpoint: third, keys: badKeys } },
          { 'subscription.keys.auth': ['must be 16 bytes in base64url'] },
        ],
        [{ endpoint: 'nonsense', keys }, { endpoint: ['must be a valid URL'] }],
        [
          { subscription: { endpoint: 'http://127.0.0.1/' } },
          { 'subscription.endpoint': ['must use https://'] },
        ],
        [{ token: third, endpoint, keys }, { endpoint: ['must be the same as token'] }],
        [
          { platform: 'ios', endpoint: third },
          { platform: ['must be web with the subscription of a browser'] },
        ],
      ] as const) {
        expect(await api.post(`${base}/subscribers`, body)).toMatchObject(invalid(details as never))
      }
      expect((await api.get(`${base}/subscribers`)).body.data).toHaveLength(2)
    })

    test('a token that moves to another user takes nothing along, and anonymous ones keep theirs', async () => {
      const device = { platform: 'android', token: androidToken }
      const post = async (body: object) =>
        (await api.post(`${base}/subscribers`, { ...device, ...body })).body.data
      const about = { tags: ['a'], metadata: { plan: 'pro' } }
      const nothing = { tags: [], metadata: {} }
      await post(about)
      expect(await post({ user_id: 'ada' })).toMatchObject({ user_id: 'ada', ...about })
      expect(await post({})).toMatchObject({ user_id: 'ada', ...about })
      expect(await post({ user_id: 'grace' })).toMatchObject({ user_id: 'grace', ...nothing })
      expect(await post({ user_id: 'ada', tags: ['b'] })).toMatchObject({ user_id: 'ada', tags: ['b'] })
      expect(await post({ user_id: null })).toMatchObject({ user_id: null, ...nothing })
    })

    test('a renewed token goes to the subscriber of the old one, opted out or not', async () => {
      const post = (token: string, body: object = {}) =>
        api.post(`${base}/subscribers`, { platform: 'android', token: `${androidToken}${token}`, ...body })
      const old = (token: string) => ({ old_token: `${androidToken}${token}`, keep_unsubscribed: true })
      const { id } = (await post('1', { user_id: 'ada', tags: ['a'] })).body.data
      const renewed = await post('2', old('1'))
      expect(renewed.status).toBe(200)
      const token = `${androidToken}2`
      expect(renewed.body.data).toMatchObject({ id, token, user_id: 'ada', tags: ['a'], status: 'active' })
      // Told of again, by one who does not know that it was told of.
      expect((await post('2', old('1'))).body.data.id).toBe(id)
      await api.post(`${base}/subscribers/${id}/unsubscribe`, {})
      expect((await post('3', old('2'))).body.data).toMatchObject({ id, status: 'unsubscribed' })
      expect((await post('4', { ...old('3'), keep_unsubscribed: false })).body.data).toMatchObject({
        id,
        status: 'active',
      })
      // An old token that is not known, or not of this app, is none.
      const another = await post('5', old('1'))
      expect(another.status).toBe(201)
      // Nobody's token is taken away.
      expect((await post('5', old('4'))).body.data.id).toBe(another.body.data.id)
      expect((await api.get(`${base}/subscribers/${id}`)).body.data.token).toBe(`${androidToken}4`)
      const both = await Promise.all([post('7', old('4')), post('7', old('4'))])
      expect(both.map(({ body }) => body.data.id)).toEqual([id, id])
    })

    test.each([
      ['with an Idempotency-Key', { 'idempotency-key': 'chain' }],
      ['without', undefined],
    ])('a batch may pass tokens on from one subscriber to the next, %s', async (_, headers) => {
      const registration = (n: number) => ({ platform: 'android', token: `${androidToken}${n}` })
      const tokens = [0, 1, 2, 3, 4].map(registration)
      const posted = await api.post(`${base}/subscribers/batch`, { subscribers: tokens.slice(0, 4) })
      const ids = posted.body.data.map(({ data }: { data: { id: string } }) => data.id)
      const renewals = [3, 2, 1, 0].map((n) => ({ ...tokens[n + 1], old_token: tokens[n]!.token }))
      const body = { subscribers: [...renewals, tokens[0]] }
      const { status, body: answer } = await api.post(`${base}/subscribers/batch`, body, headers)
      expect(status).toBe(200)
      expect(answer.data.map((row: { status: number }) => row.status)).toEqual([200, 200, 200, 200, 201])
      const listed = (await api.get(`${base}/subscribers`)).body.data
      const tokenOf = new Map(listed.map(({ id, token }: { id: string; token: string }) => [id, token]))
      expect(ids.map((id: string) => tokenOf.get(id))).toEqual(tokens.slice(1).map(({ token }) => token))
      expect(listed).toHaveLength(5)
      expect((await api.get(base)).body.data.subscriber_count).toBe(5)
    })

    test('whoever opted out stays so when asked to, and comes back otherwise', async () => {
      const device = { platform: 'android', token: androidToken }
      const post = async (body: object) =>
        (await api.post(`${base}/subscribers`, { ...device, ...body })).body.data
      const { id, status } = await post({ keep_unsubscribed: true })
      expect(status).toBe('active')
      await api.post(`${base}/subscribers/${id}/unsubscribe`, {})
      const kept = await post({ keep_unsubscribed: true, tags: ['a'] })
      expect(kept).toMatchObject({ id, status: 'unsubscribed', tags: ['a'] })
      expect((await api.get(base)).body.data.subscriber_count).toBe(0)
      expect(await post({ keep_unsubscribed: false })).toMatchObject({ id, status: 'active' })
      // The push service's word is not the user's.
      await running.service.deps.db
        .transaction()
        .execute((trx) => invalidateSubscribers(trx, [{ appId: app.id, subscriberId: id }], new Date()))
      expect(await post({ keep_unsubscribed: true })).toMatchObject({ id, status: 'active' })
    })

    test('a subscriber that the push service gave up is back with another token', async () => {
      const { db } = running.service.deps
      const [old, renewed] = [pushService.makeDevice(), pushService.makeDevice()]
      const { id } = await register(old.registration)
      await db
        .transaction()
        .execute((trx) => invalidateSubscribers(trx, [{ appId: app.id, subscriberId: id }], new Date()))
      const path = `${base}/subscribers/${id}`
      expect((await api.patch(path, { tags: ['a'] })).body.data.status).toBe('inactive')
      const { token, keys } = renewed.registration
      expect((await api.patch(path, { token, keys })).body.data).toMatchObject({ token, status: 'active' })
      await api.post(`${path}/unsubscribe`, {})
      const { registration } = old
      const moved = await api.patch(path, { token: registration.token, keys: registration.keys })
      expect(moved.body.data.status).toBe('unsubscribed')
    })

    test('who is seen again on one day and has not changed is not written', async () => {
      const { db } = running.service.deps
      const device = {
        ...pushService.makeDevice().registration,
        user_id: 'ada',
        tags: ['a'],
        metadata: { b: 1 },
      }
      const { id } = await register(device)
      const version = async () => {
        const { rows } = await sql<{ xmin: string }>`
          select xmin::text from subscribers where app_id = ${app.id} and id = ${id}`.execute(db)
        return rows[0]!.xmin
      }
      const noon = Math.ceil(Date.now() / dayMs) * dayMs + dayMs / 2 - Date.now()
      const at = async (ahead: number, body: object = device) => {
        running.clock.ahead = ahead
        const answer = await api.post(`${base}/subscribers`, body)
        running.clock.ahead = 0
        expect(answer.status).toBe(200)
        return answer.body.data
      }
      const first = await at(noon)
      const before = await version()
      expect(await at(noon + dayMs / 4)).toEqual(first)
      expect(
        (await api.patch(`${base}/subscribers/${id}`, { tags: ['a'], user_id: 'ada' })).body.data,
      ).toEqual(first)
      expect(await version()).toBe(before)
      const next = await at(noon + dayMs)
      expect(next).toEqual({ ...first, last_active_at: next.last_seen_at, last_seen_at: next.last_seen_at })
      expect(Date.parse(next.last_seen_at) - Date.parse(first.last_seen_at)).toBeGreaterThan(dayMs - 10_000)
      const changed = await at(noon + dayMs, { ...device, metadata: { b: 2 } })
      expect(changed).toMatchObject({ metadata: { b: 2 }, updated_at: changed.last_seen_at })
    })

    test('the list finds a user, a token in any spelling, a tag, and has cursors', async () => {
      const web = await register({
        ...pushService.makeDevice().registration,
        user_id: 'ada',
        tags: ['a', 'b'],
      })
      const ios = await register({ platform: 'ios', token: iosToken, user_id: 'ada' })
      const android = await register({ platform: 'android', token: androidToken, tags: ['b'] })
      const list = async (query: Record<string, string>) => {
        const { body } = await api.get(`${base}/subscribers?${new URLSearchParams(query)}`)
        return body.data.map(({ id }: { id: string }) => id)
      }
      expect(await list({ user_id: 'ada' })).toEqual([web.id, ios.id])
      expect(await list({ user_id: 'ada', platform: 'ios' })).toEqual([ios.id])
      expect(await list({ user_id: 'nobody' })).toEqual([])
      expect(await list({ token: web.token.replace('https', 'HTTPS') })).toEqual([web.id])
      expect(await list({ token: iosToken.toUpperCase() })).toEqual([ios.id])
      expect(await list({ token: androidToken })).toEqual([android.id])
      expect(await list({ token: androidToken, platform: 'ios' })).toEqual([])
      expect(await list({ token: 'x' })).toEqual([])
      expect(await list({ tag: 'b' })).toEqual([web.id, android.id])
      expect(await list({ tag: 'b', user_id: 'ada' })).toEqual([web.id])
      expect(await list({ tag: 'B' })).toEqual([])
      const page = async (query: string) => (await api.get(`${base}/subscribers?limit=2&${query}`)).body
      const first = await page('')
      expect(first.data).toEqual([web, ios])
      expect(await page(`cursor=${first.next_cursor}`)).toEqual({ data: [android], next_cursor: null })
      expect((await page('offset=10000')).data).toEqual([])
      expect(await api.get(`${base}/subscribers?offset=10001&cursor=x`)).toMatchObject(
        invalid({
          offset: ['must be a whole number from 0 to 10000'],
          cursor: ['is not a cursor of this list: pass next_cursor as you received it'],
        }),
      )
    })

    test('a deleted subscriber is gone, and its token is new again', async () => {
      const made = await register({ platform: 'ios', token: iosToken })
      const one = `${base}/subscribers/${made.id}`
      expect(await api.delete(one)).toMatchObject({ status: 204, body: undefined })
      for (const answer of [await api.get(one), await api.patch(one, { tags: [] }), await api.delete(one)]) {
        expect(answer).toMatchObject({ status: 404, body: { error: 'Not found' } })
      }
      expect((await register({ platform: 'ios', token: iosToken })).id).not.toBe(made.id)
    })
  })

  describe('notifications', () => {
    test('with the title alone', async () => {
      const answer = await api.post(`${base}/notifications`, { title: 'T' })
      expect(answer.status).toBe(201)
      const { id, created_at } = answer.body.data
      const stats = {
        total_count: 0,
        total_batches: 0,
        completed_batches: 0,
        sent_count: 0,
        failed_count: 0,
        skipped_count: 0,
        pending_count: 0,
        delivered_count: 0,
        clicked_count: 0,
      }
      const accepted = {
        id,
        app_id: app.id,
        title: 'T',
        body: null,
        icon: null,
        image: null,
        url: null,
        actions: [],
        data: {},
        targeting: { type: 'all' },
        priority: 'normal',
        platform_overrides: {},
        status: 'sending',
        failure_reason: null,
        scheduled_at: null,
        sent_at: null,
        stats,
        created_at,
        updated_at: created_at,
      }
      expect(answer.body).toEqual({ data: accepted })
      const { sent_at, updated_at, ...rest } = await completed(id)
      expect(rest).toEqual({ ...accepted, status: 'sent', sent_at: undefined, updated_at: undefined })
      expect(sent_at).toBe(updated_at)
    })

    test('with everything; the device gets it with its overrides', async () => {
      const device = pushService.makeDevice()
      await register(device.registration)
      const content = {
        title: 'On its way',
        body: 'Your order\nhas been shipped 📦',
        icon: 'https://shop.example/icon.png',
        image: 'https://shop.example/image.png',
        url: 'https://shop.example/orders/1',
        actions: [
          { title: 'Track', action: 'track', url: 'https://shop.example/track' },
          { title: 'Later', action: 'later' },
        ],
        data: { z: 1, a: { nested: [null, 'NUL \u0000'] } },
        platform_overrides: {
          web: { title: 'For browsers', ttl: 60, urgency: 'low', badge: 'b', t: 'not ours' },
          ios: { sound: 's' },
        },
      }
      const sent = await send(content)
      expect(sent).toMatchObject({ ...content, status: 'sent', targeting: { type: 'all' } })
      const { payload, headers } = pushService.pushes.at(-1)!
      const { platform_overrides: _, ...shown } = content
      expect(payload).toEqual({
        id: sent.id,
        app_id: app.id,
        ...shown,
        title: 'For browsers',
        badge: 'b',
        t: expect.stringMatching(tokenForm),
      })
      expect(headers).toMatchObject({ ttl: '60', urgency: 'low' })
    })

    test('the list, newest first: status, limit, offset', async () => {
      await register({ platform: 'ios', token: iosToken })
      const ids: string[] = []
      for (const targeting of [nobody, { type: 'all' }, nobody, nobody])
        ids.unshift((await send({ targeting })).id)
      const list = async (query: string) =>
        (await api.get(`${base}/notifications${query}`)).body.data.map(({ id }: { id: string }) => id)
      expect(await list('')).toEqual(ids)
      expect(await list('?status=&limit=50&offset=0')).toEqual(ids)
      expect(await list('?status=failed')).toEqual([ids[2]])
      expect(await list('?status=sent')).toEqual([ids[0], ids[1], ids[3]])
      expect(await list('?status=draft')).toEqual([])
      expect(await list('?limit=2')).toEqual(ids.slice(0, 2))
      expect(await list('?limit=2&offset=1')).toEqual(ids.slice(1, 3))
      expect(await list('?offset=4')).toEqual([])
      expect(await api.get(`${base}/notifications?status=read&limit=x`)).toMatchObject(
        invalid({
          status: ['must be one of draft, scheduled, sending, sent, failed'],
          limit: ['must be a whole number from 1 to 100'],
        }),
      )
      const all = (await api.get(`${base}/notifications`)).body.data
      expect(all[0]).toEqual((await api.get(`${base}/notifications/${ids[0]}`)).body.data)
    })

    test('bad notifications name the field, store nothing and reach nobody', async () => {
      const device = pushService.makeDevice()
      await register(device.registration)
      const shape = ['must be all, user_ids, tags or platform']
      const cases: [Record<string, unknown>, Record<string, string[]>][] = [
        [{ title: undefined }, { title: ['is required'] }],
        [{ title: ' ' }, { title: ['must not be empty'] }],
        [{ title: 'x'.repeat(4_001) }, { title: ['must be at most 4000 characters'] }],
        [{ body: 7 }, { body: ['must be a string'] }],
        [{ data: [] }, { data: ['must be an object'] }],
        [{ actions: {} }, { actions: ['must be an array'] }],
        [{ actions: [{}] }, { 'actions.0.title': ['is required'], 'actions.0.action': ['is required'] }],
        [
          { actions: Array(11).fill({ title: 'A', action: 'a' }) },
          { actions: ['must have at most 10 entries'] },
        ],
        [{ platform_overrides: { web: 'x' } }, { 'platform_overrides.web': ['must be an object'] }],
        [
          { platform_overrides: { web: { title: ' ' } } },
          { 'platform_overrides.web.title': ['must not be empty'] },
        ],
        [
          { platform_overrides: { web: { dir: 'sideways', data: 'x', renotify: true, tag: '' } } },
          {
            'platform_overrides.web.dir': ['must be one of auto, ltr, rtl'],
            'platform_overrides.web.data': ['must be an object'],
          },
        ],
        [
          { platform_overrides: { web: { actions: [{ action: 'a' }, null] } } },
          {
            'platform_overrides.web.actions.0.title': ['is required'],
            'platform_overrides.web.actions.1': ['must be an object'],
          },
        ],
        [
          { platform_overrides: { web: { silent: true, vibrate: [100], renotify: true, tag: '' } } },
          {
            'platform_overrides.web.vibrate': ['must not be given with silent'],
            'platform_overrides.web.tag': ['must not be empty with renotify'],
          },
        ],
        [{ platform_overrides: { ios: [] } }, { 'platform_overrides.ios': ['must be an object'] }],
        [{ targeting: {} }, { 'targeting.type': shape }],
        [{ targeting: { type: 'everybody' } }, { 'targeting.type': shape }],
        [{ targeting: { type: 'segment', segment_id: 'x' } }, { 'targeting.type': shape }],
        [{ targeting: { type: 'ALL' } }, { 'targeting.type': shape }],
        [{ targeting: { type: null } }, { 'targeting.type': shape }],
        [{ targeting: { types: 'all' } }, { 'targeting.type': shape }],
        [{ targeting: 'all' }, { targeting: ['must be an object'] }],
        [{ targeting: [] }, { targeting: ['must be an object'] }],
        [{ targeting: [{ type: 'all' }] }, { targeting: ['must be an object'] }],
        [{ targeting: false }, { targeting: ['must be an object'] }],
        [{ targeting: { type: 'user_ids' } }, { 'targeting.ids': ['is required'] }],
        [{ targeting: { type: 'user_ids', user_ids: ['ada'] } }, { 'targeting.ids': ['is required'] }],
        [{ targeting: { type: 'user_ids', ids: [] } }, { 'targeting.ids': ['must have at least 1 entries'] }],
        [{ targeting: { type: 'user_ids', ids: 'ada' } }, { 'targeting.ids': ['must be an array'] }],
        [{ targeting: { type: 'user_ids', ids: [7] } }, { 'targeting.ids.0': ['must be a string'] }],
        [
          { targeting: { type: 'user_ids', ids: Array(10_001).fill('a') } },
          { 'targeting.ids': ['must have at most 10000 entries'] },
        ],
        [{ targeting: { type: 'tags', tags: null } }, { 'targeting.tags': ['must be an array'] }],
        [{ targeting: { type: 'tags' } }, { 'targeting.tags': ['is required'] }],
        [
          { targeting: { type: 'tags', tags: ['a'], match: 'none' } },
          { 'targeting.match': ['must be one of any, all'] },
        ],
        [{ targeting: { type: 'platform' } }, { 'targeting.platforms': ['is required'] }],
        [
          { targeting: { type: 'platform', platforms: ['web', 'windows'] } },
          { 'targeting.platforms.1': ['must be one of web, ios, android'] },
        ],
        [{ status: 'draft' }, { status: ['drafts are not supported by this version'] }],
        [{ priority: 'urgent' }, { priority: ['must be one of high, normal, low'] }],
        [{ status: 'sent' }, { status: ['must be one of draft'] }],
        [
          { scheduled_at: 'tomorrow' },
          { scheduled_at: ['must be a timestamp such as 2025-06-01T08:00:00Z'] },
        ],
        [{ scheduled_at: 7 }, { scheduled_at: ['must be a timestamp such as 2025-06-01T08:00:00Z'] }],
        [
          { scheduled_at: new Date(Date.now() + 60_000).toISOString() },
          { scheduled_at: ['scheduling is not supported by this version'] },
        ],
      ]
      for (const [body, details] of cases) {
        const answer = await api.post(`${base}/notifications`, { title: 'T', ...body })
        expect({ body, status: answer.status, answer: answer.body }).toEqual({
          body,
          status: 422,
          answer: { error: 'Validation failed', details },
        })
      }
      expect((await api.get(`${base}/notifications`)).body).toEqual({ data: [], next_cursor: null })
      expect(pushService.pushes.filter((push) => push.device === device)).toEqual([])
    })

    test('a batch sends what is good, and answers each notification in its place', async () => {
      const subscriber = await register({ platform: 'ios', token: iosToken, user_id: 'ada' })
      const ada = { type: 'user_ids', ids: ['ada'] }
      const path = `${base}/notifications/batch`
      const answer = await api.post(path, {
        notifications: [
          { title: 'One', targeting: ada },
          { body: 'no title' },
          { title: 'T', body: 'x'.repeat(3_990) },
          { title: 'T', status: 'draft' },
          'nonsense',
          { title: 'Two', priority: 'high', targeting: nobody },
        ],
      })
      expect(answer.status).toBe(200)
      const [one, untitled, long, draft, nonsense, two] = answer.body.data
      expect([one.status, two.status]).toEqual([201, 201])
      expect([one.data.title, two.data.title]).toEqual(['One', 'Two'])
      const refused = (details: object) => ({ status: 422, error: 'Validation failed', details })
      expect(untitled).toEqual(refused({ title: ['is required'] }))
      expect(long).toEqual(refused({ body: [expect.stringContaining('')] }))
      expect(draft).toEqual(refused({ status: [expect.stringContaining('drafts')] }))
      expect(nonsense).toEqual({ status: 400, error: 'Must be a JSON object' })
      expect(await completed(one.data.id)).toMatchObject({ stats: { total_count: 1, failed_count: 1 } })
      expect(await completed(two.data.id)).toMatchObject({ stats: { total_count: 0 } })
      expect((await api.get(`${base}/notifications`)).body.data).toHaveLength(2)
      expect(subscriber.status).toBe('active')
      const many = await api.post(path, { notifications: Array(101).fill({ title: 'T' }) })
      expect(many).toMatchObject(invalid({ notifications: ['must have at most 100 entries'] }))
    })

    test('a moment that has passed is no reason to wait', async () => {
      expect((await send({ scheduled_at: '2025-06-01T10:00:00+02:00' })).status).toBe('sent')
      expect((await send({ scheduled_at: null })).status).toBe('sent')
    })
  })

  describe('targeting', () => {
    let devices: Record<'ada' | 'grace' | 'edsger' | 'left', Device>
    const received = (id: string) =>
      pushService.pushes
        .filter(({ payload }) => payload.id === id)
        .map(({ device }) => Object.entries(devices).find(([, one]) => one === device)?.[0])
        .sort()

    test('each shape reaches whom it names, and nobody else', async () => {
      const stranger = pushService.makeDevice()
      const elsewhere = (await api.post('/push/apps', { name: 'B' })).body.data.id
      await api.post(`/push/apps/${elsewhere}/subscribers`, {
        ...stranger.registration,
        user_id: 'ada',
        tags: ['red', 'blue'],
      })
      devices = {
        ada: pushService.makeDevice(),
        grace: pushService.makeDevice(),
        edsger: pushService.makeDevice(),
        left: pushService.makeDevice(),
      }
      await register({ ...devices.ada.registration, user_id: 'ada', tags: ['red', 'blue'] })
      await register({ ...devices.grace.registration, user_id: 'grace', tags: ['red'] })
      await register(devices.edsger.registration)
      const left = await register({ ...devices.left.registration, user_id: 'ada', tags: ['red', 'blue'] })
      await api.patch(`${base}/subscribers/${left.id}`, { status: 'unsubscribed' })
      await register({ platform: 'ios', token: iosToken, user_id: 'ada', tags: ['red'] })
      await register({ platform: 'android', token: androidToken, user_id: 'alan', tags: ['blue'] })

      const everybody = ['ada', 'edsger', 'grace']
      const cases: [Record<string, unknown> | undefined, string[], number][] = [
        [undefined, everybody, 2],
        [{ type: 'all' }, everybody, 2],
        [{ type: 'user_ids', ids: ['ada', 'ada', 'nobody'] }, ['ada'], 1],
        [{ type: 'user_ids', ids: ['grace', 'alan'] }, ['grace'], 1],
        [{ type: 'user_ids', ids: ['nobody'] }, [], 0],
        [{ type: 'tags', tags: ['red'] }, ['ada', 'grace'], 1],
        [{ type: 'tags', tags: ['red', 'blue'] }, ['ada', 'grace'], 2],
        [{ type: 'tags', tags: ['red', 'blue'], match: 'any' }, ['ada', 'grace'], 2],
        [{ type: 'tags', tags: ['red', 'blue'], match: 'all' }, ['ada'], 0],
        [{ type: 'tags', tags: ['re', 'RED'] }, [], 0],
        [{ type: 'platform', platforms: ['web'] }, everybody, 0],
        [{ type: 'platform', platforms: ['android', 'web'] }, everybody, 1],
        [{ type: 'platform', platforms: ['ios', 'android'] }, [], 2],
      ]
      for (const [targeting, names, others] of cases) {
        const { id, status, stats, targeting: shown } = await send({ targeting })
        expect({ targeting, received: received(id), stats }).toMatchObject({
          targeting,
          received: names,
          stats: { total_count: names.length + others, sent_count: names.length, failed_count: others },
        })
        expect(shown).toMatchObject(targeting ?? { type: 'all' })
        expect(status).toBe(names.length === 0 && others > 0 ? 'failed' : 'sent')
      }
      expect(pushService.pushes.filter(({ device }) => device === stranger)).toEqual([])
    })
  })

  test('platforms that this version cannot send to fail with the reason', async () => {
    await register({ platform: 'ios', token: iosToken })
    const alone = await send()
    expect(alone).toMatchObject({
      status: 'failed',
      failure_reason: 'this version cannot send to ios yet',
      stats: { total_count: 1, total_batches: 1, completed_batches: 1, sent_count: 0, failed_count: 1 },
    })
    await register({ platform: 'android', token: androidToken })
    expect(await send({ targeting: { type: 'platform', platforms: ['android'] } })).toMatchObject({
      status: 'failed',
      failure_reason: 'this version cannot send to android yet',
      stats: { sent_count: 0, failed_count: 1 },
    })
    await register(pushService.makeDevice().registration)
    expect(await send()).toMatchObject({
      status: 'sent',
      failure_reason: null,
      stats: { total_count: 3, sent_count: 1, failed_count: 2 },
    })
    // The subscribers are not to blame.
    expect((await api.get(base)).body.data.subscriber_count).toBe(3)
  })

  describe('the payload', () => {
    /** A body that makes the payload as long as wanted. */
    const bodyFor = (bytes: number) => {
      const id = '00000000-0000-0000-0000-000000000000'
      const rest = JSON.stringify({ id, app_id: id, title: 'T', body: '', t: 'x'.repeat(tokenLength) })
      return 'x'.repeat(bytes - Buffer.byteLength(rest))
    }

    test('of the longest length is sent, and one byte more is refused', async () => {
      const device = pushService.makeDevice()
      await register(device.registration)
      const body = bodyFor(maxPayloadBytes)
      expect(await send({ body })).toMatchObject({ status: 'sent', stats: { sent_count: 1 } })
      const push = pushService.pushes.at(-1)!
      expect(push.device).toBe(device)
      expect(push.payload.body).toBe(body)
      expect(push.bytes).toBe(4_096)
      const message = `makes the push payload ${maxPayloadBytes + 1} bytes long, at most ${maxPayloadBytes} fit`
      expect(await api.post(`${base}/notifications`, { title: 'T', body: `${body}x` })).toMatchObject(
        invalid({ body: [message] }),
      )
      expect((await api.get(`${base}/notifications`)).body.data).toHaveLength(1)
    })

    test('that is too long names the field to shorten', async () => {
      const long = 'x'.repeat(3_950)
      const half = 'x'.repeat(2_000)
      const cases: [Record<string, unknown>, string][] = [
        [{ title: long }, 'title'],
        [{ body: long }, 'body'],
        [{ body: '€'.repeat(1_350) }, 'body'],
        [{ body: '"'.repeat(2_000) }, 'body'],
        [{ icon: long }, 'icon'],
        [{ image: long }, 'image'],
        [{ url: long }, 'url'],
        [{ data: { a: long } }, 'data'],
        [{ body: half, data: { a: half, b: 'x' } }, 'data'],
        [{ actions: [{ title: 'A', action: 'a', url: long }] }, 'actions'],
        [{ platform_overrides: { web: { body: long } } }, 'platform_overrides.web.body'],
        [{ platform_overrides: { web: { custom: long } } }, 'platform_overrides.web.custom'],
        [
          { body: 'short', platform_overrides: { web: { body: 'x'.repeat(100_000) } } },
          'platform_overrides.web.body',
        ],
      ]
      for (const [fields, field] of cases) {
        const { status, body } = await api.post(`${base}/notifications`, { title: 'T', ...fields })
        expect({ status, error: body.error, named: Object.keys(body.details) }).toEqual({
          status: 422,
          error: 'Validation failed',
          named: [field],
        })
        expect(body.details[field]).toEqual([
          expect.stringMatching(/^makes the push payload \d+ bytes long, at most 3993 fit$/),
        ])
      }
      await api.patch(base, { settings: { default_icon: long } })
      expect((await api.post(`${base}/notifications`, { title: 'T' })).body.details).toHaveProperty('icon')
      expect((await api.post(`${base}/notifications`, { title: 'T', icon: 'i' })).status).toBe(201)
    })
  })

  describe('Idempotency-Key', () => {
    const post = (body: object, key: string) =>
      api.post(`${base}/notifications`, body, { 'idempotency-key': key })

    test('the same key and body answers as the first did, and sends once', async () => {
      const device = pushService.makeDevice()
      await register(device.registration)
      const body = { title: 'Once', data: { order: 1 }, targeting: { type: 'all' } }
      const first = await post(body, 'order-1')
      expect(first.status).toBe(201)
      await completed(first.body.data.id)
      for (const same of [
        body,
        { targeting: { type: 'all' }, data: { order: 1 }, title: 'Once' },
        { ...body, unknown: 'field' },
      ]) {
        const again = await post(same, 'order-1')
        expect(again.status).toBe(201)
        expect(again.body).toEqual(first.body)
        expect(Object.keys(again.body.data)).toEqual(Object.keys(first.body.data))
      }
      for (const other of [
        { ...body, title: 'Twice' },
        { ...body, data: { order: 2 } },
        { ...body, targeting: nobody },
        { title: 'Once' },
      ]) {
        expect(await post(other, 'order-1')).toMatchObject(
          invalid({ 'Idempotency-Key': ['was used for another request'] }),
        )
      }
      expect((await api.get(`${base}/notifications`)).body.data).toHaveLength(1)
      expect(pushService.pushes.filter((push) => push.device === device)).toHaveLength(1)

      const others = [await post(body, 'order-2'), await api.post(`${base}/notifications`, body)]
      base = `/push/apps/${(await api.post('/push/apps', { name: 'B' })).body.data.id}`
      others.push(await post(body, 'order-1'))
      expect(new Set([first, ...others].map((answer) => answer.body.data.id)).size).toBe(4)
    })

    test('the first answer stands, whatever has changed since', async () => {
      const first = await post({ title: 'T', targeting: nobody }, 'key')
      await api.patch(base, { settings: { default_icon: 'x'.repeat(5_000) } })
      const again = await post({ title: 'T', targeting: nobody }, 'key')
      expect({ status: again.status, body: again.body }).toEqual({ status: 201, body: first.body })
    })

    test('a refused request leaves its key unused', async () => {
      expect((await post({ title: 'T', body: 'x'.repeat(3_990) }, 'key')).status).toBe(422)
      expect((await post({}, 'key')).status).toBe(422)
      expect((await post({ title: 'T' }, 'key')).status).toBe(201)
    })

    test('requests at once with one key make one notification', async () => {
      const device = pushService.makeDevice()
      await register(device.registration)
      const answers = await Promise.all(Array.from({ length: 8 }, () => post({ title: 'T' }, 'at once')))
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
      expect(new Set(answers.map(({ body }) => body.data.id)).size).toBe(1)
      await completed(answers[0]!.body.data.id)
      expect((await api.get(`${base}/notifications`)).body.data).toHaveLength(1)
      expect(pushService.pushes.filter((push) => push.device === device)).toHaveLength(1)
    })

    test('a key is forgotten after 24 hours', async () => {
      const body = { title: 'T', targeting: nobody }
      const first = await post(body, 'key')
      running.clock.ahead = dayMs - 10_000
      expect((await post(body, 'key')).body).toEqual(first.body)
      running.clock.ahead = dayMs + 10_000
      const next = await post({ title: 'U', targeting: nobody }, 'key')
      running.clock.ahead = 0
      expect(next.status).toBe(201)
      expect(next.body.data.id).not.toBe(first.body.data.id)
    })

    test('a key is 1 to 255 characters', async () => {
      expect((await post({ title: 'T' }, 'k'.repeat(255))).status).toBe(201)
      for (const key of ['', 'k'.repeat(256)]) {
        expect(await post({ title: 'T' }, key)).toMatchObject(
          invalid({ 'Idempotency-Key': ['must be 1 to 255 characters'] }),
        )
      }
    })
  })

  // Last: it looks at every app's subscribers, days ahead.
  test('upkeep: unseen for 90 days turns inactive, and is deleted after 180', async () => {
    const { deps } = running.service
    const unseen = await register({ platform: 'android', token: 'unseen' })
    const seen = await register({ platform: 'android', token: 'seen' })
    const left = await register({ platform: 'android', token: 'left' })
    await api.patch(`${base}/subscribers/${left.id}`, { status: 'unsubscribed' })
    const statuses = async () => {
      const { data } = (await api.get(`${base}/subscribers`)).body
      return Object.fromEntries(data.map(({ token, status }: Record<string, string>) => [token, status]))
    }
    const upkeepAfter = async (days: number) => {
      running.clock.ahead = days * dayMs
      await runSubscriberUpkeep(deps)
      return statuses()
    }
    expect(await upkeepAfter(89)).toEqual({ unseen: 'active', seen: 'active', left: 'unsubscribed' })
    // A backend that changes one has not seen its device.
    await api.patch(`${base}/subscribers/${unseen.id}`, { tags: ['a'] })
    await api.post(`${base}/subscribers`, { platform: 'android', token: 'seen' })
    expect(await upkeepAfter(91)).toEqual({ unseen: 'inactive', seen: 'active', left: 'unsubscribed' })
    expect((await api.get(base)).body.data.subscriber_count).toBe(1)
    expect(await upkeepAfter(178)).toEqual({ unseen: 'inactive', seen: 'active', left: 'unsubscribed' })
    expect(await upkeepAfter(181)).toEqual({ seen: 'inactive', left: 'unsubscribed' })
    expect((await api.get(`${base}/subscribers/${unseen.id}`)).status).toBe(404)
    // Registered again, it is seen.
    expect(
      (await api.post(`${base}/subscribers`, { platform: 'android', token: 'seen' })).body.data,
    ).toMatchObject({
      id: seen.id,
      status: 'active',
    })
    expect(await upkeepAfter(270)).toEqual({ seen: 'active', left: 'unsubscribed' })
    running.clock.ahead = 0
    expect(running.logs.filter(({ msg }) => msg === 'subscribers.upkeep').at(-1)).toMatchObject({
      level: 'info',
    })
  })
})
