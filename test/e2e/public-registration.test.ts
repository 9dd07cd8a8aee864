import { createECDH, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, Api } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

const origin = 'https://shop.example'

/** A browser's subscription at a push service that the install allows. */
function makeBrowser(host = '127.0.0.1') {
  const pair = createECDH('prime256v1')
  pair.generateKeys()
  return {
    endpoint: `https://${host}/push/${randomUUID()}`,
    keys: { p256dh: pair.getPublicKey('base64url'), auth: randomBytes(16).toString('base64url') },
  }
}

describeOnEachBackend('registration without a backend', (make) => {
  let storage: TestStorage
  let running: TestService
  let api: Api
  let app: { id: string; publishable_key: string; vapid_public_key: string }

  beforeAll(async () => {
    storage = await make()
    running = await startTestService(storage, { KRAFTER_PUBLIC_PUSH_HOSTS: '127.0.0.1' }, ['api'])
    api = running.api
  })

  afterAll(async () => {
    await running?.stop()
    await storage?.drop()
  })

  beforeEach(async () => {
    app = (await api.post('/push/apps', { name: 'Shop', public_registration: { origins: [origin] } })).body
      .data
  })

  const path = (name: string, key = app.publishable_key) => `/push/public/${name}?key=${key}`

  /** As the browser sends it for a page of the origin. */
  const fromPage = (
    name: string,
    body: object,
    from: string | null = origin,
    key?: string,
  ): Promise<Answer> => api.withKey(null).post(path(name, key), body, from === null ? {} : { origin: from })

  const register = (body: object) => fromPage('subscribers', body)
  const subscribers = async () => (await api.get(`/push/apps/${app.id}/subscribers`)).body.data
  /** Events are kept where somebody wants them. */
  const wantEvents = () =>
    api.post(`/push/apps/${app.id}/webhooks`, {
      url: 'https://127.0.0.1/hook',
      events: ['subscriber.registered', 'subscriber.unsubscribed'],
    })
  const events = async () =>
    (await api.get(`/push/apps/${app.id}/events`)).body.data.map(({ event }: { event: string }) => event)

  async function rotateIdentity(body?: object) {
    const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const answer = await api.send(`/push/apps/${app.id}/rotate-identity-secret`, { method: 'POST', ...init })
    expect(answer.status).toBe(200)
    return answer.body.data
  }
  const makeIdentitySecret = async (): Promise<string> => (await rotateIdentity()).identity_secret

  const identify = (secret: string, userId: string) => ({
    user_id: userId,
    user_signature: createHmac('sha256', secret).update(userId).digest('hex'),
  })

  describe('the app', () => {
    test('has a publishable key for life, and is closed unless it says otherwise', async () => {
      const closed = (await api.post('/push/apps', { name: 'Closed' })).body.data
      expect(closed).toMatchObject({
        publishable_key: expect.stringMatching(/^pk_live_[0-9a-f]{32}$/),
        public_registration: null,
        has_identity_secret: false,
      })
      expect(closed.publishable_key).not.toBe(app.publishable_key)
      const answer = await fromPage('subscribers', makeBrowser(), origin, closed.publishable_key)
      expect([answer.status, answer.body.error]).toEqual([
        403,
        "The app's public_registration does not allow this origin",
      ])
    })

    test('what it changes holds at once; null closes it', async () => {
      const change = (public_registration: unknown) =>
        api.patch(`/push/apps/${app.id}`, { public_registration })
      const other = 'https://*.shop.example'
      expect((await change({ origins: [other, 'http://localhost:3000/'] })).body.data).toMatchObject({
        public_registration: { origins: [other, 'http://localhost:3000'], require_identity: false },
      })
      expect((await register(makeBrowser())).status).toBe(403)
      expect((await fromPage('subscribers', makeBrowser(), 'https://www.shop.example')).status).toBe(201)
      await api.patch(`/push/apps/${app.id}`, { name: 'Another name' })
      expect((await fromPage('subscribers', makeBrowser(), 'http://localhost:3000')).status).toBe(201)
      expect((await change(null)).body.data.public_registration).toBeNull()
      expect((await fromPage('subscribers', makeBrowser(), 'http://localhost:3000')).status).toBe(403)
    })

    test.each([
      [{ origins: [] }, 'public_registration.origins'],
      [{ origins: ['shop.example'] }, 'public_registration.origins.0'],
      [{ origins: [origin, 'http://shop.example'] }, 'public_registration.origins.1'],
      [{ origins: [origin], require_identity: true }, 'public_registration.require_identity'],
    ])('%j is refused', async (given, field) => {
      const { status, body } = await api.patch(`/push/apps/${app.id}`, { public_registration: given })
      expect([status, Object.keys(body.details)]).toEqual([422, [field]])
      const created = await api.post('/push/apps', { name: 'Another', public_registration: given })
      expect([created.status, Object.keys(created.body.details)]).toEqual([422, [field]])
    })

    test('shows its identity secret once', async () => {
      const secret = await makeIdentitySecret()
      expect(secret).toMatch(/^id_live_[A-Za-z0-9_-]{43}$/)
      const { body } = await api.get(`/push/apps/${app.id}`)
      expect(body.data.has_identity_secret).toBe(true)
      expect(JSON.stringify(body)).not.toContain(secret)
      expect(JSON.stringify(running.logs)).not.toContain(secret)
    })

    test('that is deleted is known no more', async () => {
      expect((await register(makeBrowser())).status).toBe(201)
      await api.delete(`/push/apps/${app.id}`)
      const answer = await register(makeBrowser())
      expect([answer.status, answer.body.error]).toEqual([401, 'Invalid or missing publishable key'])
    })
  })

  describe('who may', () => {
    test.each(['', 'pk_live_', `pk_live_${'0'.repeat(32)}`, 'kr_live_abc', `pk_live_${'G'.repeat(32)}`])(
      'the key %j is a 401',
      async (key) => {
        const answer = await fromPage('subscribers', makeBrowser(), origin, key)
        expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, null])
      },
    )

    test.each([null, 'null', 'https://evil.example', `${origin}.evil.example`, 'http://shop.example'])(
      'the origin %j is a 403, and its page reads nothing',
      async (from) => {
        const answer = await fromPage('subscribers', makeBrowser(), from)
        expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
        expect(await subscribers()).toEqual([])
      },
    )

    test('a page of an allowed origin may read the answer', async () => {
      const { headers } = await register(makeBrowser())
      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('vary')).toBe('origin')
    })

    test.each([
      ['a body that is too long', 413, { 'content-type': 'application/json' }, 'x'.repeat(40_000)],
      ['a body of another type', 415, { 'content-type': 'text/plain' }, 'x'],
      ['a body that is not JSON', 400, { 'content-type': 'application/json' }, '{'],
    ])('a page may read why %s is refused', async (_, status, headers, body) => {
      const init = { method: 'POST', headers: { ...headers, origin }, body }
      const answer = await api.withKey(null).send(path('subscribers'), init)
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, origin])
    })

    test('a page may read that a request failed before its app was found', async () => {
      const { db } = running.service.deps
      const ask = (method: string) =>
        api.withKey(null).send(path('app', `pk_live_${'1'.repeat(32)}`), { method, headers: { origin } })
      await sql`alter table apps rename to apps_away`.execute(db)
      try {
        const preflight = await ask('OPTIONS')
        expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
          204,
          origin,
        ])
        const failed = await ask('GET')
        expect([failed.status, failed.headers.get('access-control-allow-origin')]).toEqual([500, origin])
      } finally {
        await sql`alter table apps_away rename to apps`.execute(db)
      }
    })

    test('a preflight is answered for allowed origins only', async () => {
      const ask = (from: string, key?: string) =>
        api.withKey(null).send(path('subscribers', key), { method: 'OPTIONS', headers: { origin: from } })
      const allowed = await ask(origin)
      expect(allowed.status).toBe(204)
      expect(Object.fromEntries(allowed.headers)).toMatchObject({
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'content-type',
      })
      for (const refused of [
        await ask('https://evil.example'),
        await ask(origin, `pk_live_${'0'.repeat(32)}`),
      ]) {
        expect(refused.headers.get('access-control-allow-origin')).toBeNull()
        expect(refused.status).toBeGreaterThan(400)
      }
    })

    test('an API key opens nothing here, and a publishable key nothing else', async () => {
      const withKey = await api.post('/push/public/subscribers', makeBrowser(), { origin })
      expect(withKey.status).toBe(401)
      expect((await api.withKey(app.publishable_key).get(`/push/apps/${app.id}`)).status).toBe(401)
    })

    test('a page learns what it needs to subscribe', async () => {
      const ask = (headers: Record<string, string>) => api.withKey(null).send(path('app'), { headers })
      const data = { app_id: app.id, vapid_public_key: app.vapid_public_key }
      expect((await ask({ origin })).body).toEqual({ data })
      // As browsers ask where the API is on the page's own origin.
      expect((await ask({})).body).toEqual({ data })
      expect((await ask({ origin: 'https://evil.example' })).status).toBe(403)
    })
  })

  describe('a browser', () => {
    test('is registered, and known when it comes again', async () => {
      await wantEvents()
      const browser = makeBrowser()
      const first = await register(browser)
      expect(first.status).toBe(201)
      expect(first.body.data).toEqual({
        id: expect.any(String),
        app_id: app.id,
        platform: 'web',
        status: 'active',
      })
      const again = await register({ subscription: browser, vapid_public_key: app.vapid_public_key })
      expect([again.status, again.body.data.id]).toEqual([200, first.body.data.id])
      expect(await events()).toEqual(['subscriber.registered'])
      expect(await subscribers()).toMatchObject([{ token: browser.endpoint, user_id: null }])
    })

    test('has no say in tags, metadata, status and other platforms', async () => {
      const { status, headers } = await register({
        ...makeBrowser(),
        tags: ['vip'],
        metadata: { plan: 'pro' },
      })
      expect([status, headers.get('x-krafter-ignored')]).toEqual([201, 'tags, metadata'])
      expect(await subscribers()).toMatchObject([{ tags: [], metadata: {} }])
      const device = await register({ platform: 'ios', token: 'a'.repeat(64) })
      expect([device.status, Object.keys(device.body.details)]).toEqual([422, ['platform']])
    })

    test.each([
      ['without keys', () => ({ endpoint: makeBrowser().endpoint }), 'keys'],
      ['somewhere else than at a push service', () => makeBrowser('evil.example'), 'endpoint'],
      ['with a private address', () => makeBrowser('10.0.0.1'), 'endpoint'],
      [
        'with a broken key',
        () => ({ ...makeBrowser(), keys: { p256dh: 'AAAA', auth: 'AAAA' } }),
        'keys.p256dh',
      ],
      [
        'with a key of another app',
        () => ({ ...makeBrowser(), vapid_public_key: 'BAAA' }),
        'vapid_public_key',
      ],
    ])('%s is a 422', async (_, makeBody, field) => {
      const { status, body } = await register(makeBody())
      expect([status, Object.keys(body.details)]).toEqual([422, [field]])
      expect(await subscribers()).toEqual([])
    })

    test('that opted out stays so unless its user asks', async () => {
      await wantEvents()
      const browser = makeBrowser()
      const { id } = (await register(browser)).body.data
      expect((await fromPage('unsubscribe', browser)).status).toBe(204)
      const again = await register({ ...browser, keep_unsubscribed: true })
      expect(again.body.data).toMatchObject({ id, status: 'unsubscribed' })
      expect((await register(browser)).body.data).toMatchObject({ id, status: 'active' })
      expect(await events()).toEqual([
        'subscriber.registered',
        'subscriber.unsubscribed',
        'subscriber.registered',
      ])
    })
  })

  describe('nobody takes over what is another device', () => {
    test('a known token is changed only by whoever has its keys', async () => {
      const browser = makeBrowser()
      const backend = { ...browser, platform: 'web', user_id: 'user-1', tags: ['vip'] }
      await api.post(`/push/apps/${app.id}/subscribers`, backend)
      const stranger = { ...browser, keys: makeBrowser().keys }
      const refused = await register({ ...stranger, user_id: null })
      expect([refused.status, refused.body.details]).toEqual([
        422,
        { keys: ['are not the keys that the token is registered with'] },
      ])
      const halfKnown = { ...browser, keys: { ...browser.keys, auth: makeBrowser().keys.auth } }
      expect((await register(halfKnown)).status).toBe(422)
      await fromPage('unsubscribe', stranger)
      const [before] = await subscribers()
      expect(before).toMatchObject({ user_id: 'user-1', tags: ['vip'], status: 'active' })
      // The device itself learns nothing of what the backend noted, and loses nothing of it.
      const own = await register(browser)
      expect(own.status).toBe(200)
      expect(JSON.stringify(own.body)).not.toMatch(/user-1|vip/)
      expect(await subscribers()).toEqual([before])
    })

    test('an old token counts only with the auth of its subscription', async () => {
      const old = makeBrowser()
      const backend = { ...old, platform: 'web', user_id: 'user-1', tags: ['vip'] }
      const { id } = (await api.post(`/push/apps/${app.id}/subscribers`, backend)).body.data
      const stranger = makeBrowser()
      const guesses = [
        {},
        { old_auth: null },
        { old_auth: stranger.keys.auth },
        { old_auth: '' },
        { old_auth: '%' },
      ]
      for (const guess of guesses) {
        const { status, body } = await register({ ...makeBrowser(), old_token: old.endpoint, ...guess })
        expect([status, body.data.id === id]).toEqual([201, false])
      }
      const known = (await subscribers()).find((one: { id: string }) => one.id === id)
      expect(known).toMatchObject({ token: old.endpoint, user_id: 'user-1', tags: ['vip'] })
      const renewed = makeBrowser()
      const own = await register({ ...renewed, old_token: old.endpoint, old_auth: old.keys.auth })
      expect([own.status, own.body.data.id]).toEqual([200, id])
      const moved = (await subscribers()).find((one: { id: string }) => one.id === id)
      expect(moved).toMatchObject({ token: renewed.endpoint, user_id: 'user-1', tags: ['vip'] })
    })

    test('the same browser of another app is another subscriber', async () => {
      const browser = makeBrowser()
      await register(browser)
      const other = await api.post('/push/apps', {
        name: 'Other',
        public_registration: { origins: [origin] },
      })
      const answer = await fromPage('subscribers', browser, origin, other.body.data.publishable_key)
      expect(answer.status).toBe(201)
    })
  })

  describe('identities', () => {
    test('a user is taken from a signature only', async () => {
      const browser = makeBrowser()
      const early = await register({ ...browser, user_id: 'user-1' })
      expect(early.body.details).toEqual({
        user_id: ['cannot be verified: create the identity secret of the app with rotate-identity-secret'],
      })
      const secret = await makeIdentitySecret()
      const signed = identify(secret, 'user-1')
      for (const user_signature of [
        undefined,
        null,
        '',
        '€'.repeat(64),
        signed.user_signature.toUpperCase(),
        signed.user_signature.slice(1),
        identify(secret, 'user-2').user_signature,
        identify('another', 'user-1').user_signature,
      ]) {
        const { status, body } = await register({ ...browser, user_id: 'user-1', user_signature })
        expect([status, Object.keys(body.details)]).toEqual([422, ['user_signature']])
      }
      expect(await subscribers()).toEqual([])
      expect((await register({ ...browser, ...signed })).status).toBe(201)
      expect(await subscribers()).toMatchObject([{ user_id: 'user-1' }])
      // Without saying who, the user stays; null says that nobody is signed in.
      await register(browser)
      expect(await subscribers()).toMatchObject([{ user_id: 'user-1' }])
      await register({ ...browser, user_id: null })
      expect(await subscribers()).toMatchObject([{ user_id: null }])
    })

    test('a device that moves to another user takes nothing along', async () => {
      const secret = await makeIdentitySecret()
      const browser = makeBrowser()
      const backend = {
        ...browser,
        platform: 'web',
        user_id: 'user-1',
        tags: ['vip'],
        metadata: { plan: 'pro' },
      }
      await api.post(`/push/apps/${app.id}/subscribers`, backend)
      expect((await register({ ...browser, ...identify(secret, 'Zoë') })).status).toBe(200)
      expect(await subscribers()).toMatchObject([{ user_id: 'Zoë', tags: [], metadata: {} }])
    })

    test('an app may require them', async () => {
      const secret = await makeIdentitySecret()
      const public_registration = { origins: [origin], require_identity: true }
      expect((await api.patch(`/push/apps/${app.id}`, { public_registration })).status).toBe(200)
      for (const user_id of [undefined, null]) {
        const { status, body } = await register({ ...makeBrowser(), user_id })
        expect([status, body.details]).toEqual([422, { user_id: ['is required by this app'] }])
      }
      expect((await register({ ...makeBrowser(), ...identify(secret, 'user-1') })).status).toBe(201)
    })

    test('of the secret before are accepted during the overlap, and of one before that no more', async () => {
      const statusOf = async (secret: string) =>
        (await register({ ...makeBrowser(), ...identify(secret, 'user-1') })).status
      const first = await rotateIdentity({})
      expect(first.previous_secret_expires_at).toBeNull()
      const second = await rotateIdentity()
      const aDayAhead = Date.now() + 86_400_000
      expect(Math.abs(Date.parse(second.previous_secret_expires_at) - aDayAhead)).toBeLessThan(60_000)
      expect(await statusOf(first.identity_secret)).toBe(201)
      const third = await rotateIdentity({ overlap_seconds: 60 })
      expect(await statusOf(first.identity_secret)).toBe(422)
      expect(await statusOf(second.identity_secret)).toBe(201)
      expect(await statusOf(third.identity_secret)).toBe(201)
      running.clock.ahead = 61_000
      expect(await statusOf(second.identity_secret)).toBe(422)
      expect(await statusOf(third.identity_secret)).toBe(201)
      running.clock.ahead = 0
      const leaked = await rotateIdentity({ overlap_seconds: 0 })
      expect(leaked.previous_secret_expires_at).toBeNull()
      expect(await statusOf(third.identity_secret)).toBe(422)
      const tooLong = { overlap_seconds: 604_801 }
      const refused = await api.post(`/push/apps/${app.id}/rotate-identity-secret`, tooLong)
      expect([refused.status, refused.body.details]).toEqual([
        422,
        { overlap_seconds: ['must be 0 to 604800'] },
      ])
    })
  })

  test('requests count in the public limit of the client', async () => {
    await running.stop()
    const env = { KRAFTER_PUBLIC_PUSH_HOSTS: '127.0.0.1', KRAFTER_RATE_LIMIT_PUBLIC: '2' }
    const { key } = api
    running = await startTestService(storage, env, ['api'])
    api = running.api.withKey(key)
    const answers = [
      await register(makeBrowser()),
      await register(makeBrowser()),
      await register(makeBrowser()),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 429])
    expect(answers[0]!.headers.get('x-ratelimit-limit')).toBe('2')
  })
})
