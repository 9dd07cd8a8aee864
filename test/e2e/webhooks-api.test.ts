import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

const eventNames = [
  'notification.sent',
  'notification.delivered',
  'notification.clicked',
  'notification.failed',
  'subscriber.registered',
  'subscriber.unsubscribed',
  'webhook.disabled',
]

/** The contract's fields in its order; ours come after them. */
const fieldNames = ['id', 'app_id', 'url', 'events', 'enabled', 'failure_count', 'created_at', 'updated_at']
const contractFields = (webhook: object) => Object.keys(webhook).slice(0, fieldNames.length)

/** A public address that needs no name service; nothing is ever sent to it. */
const url = 'https://8.8.8.8/hook'
const secret = 'a secret that is in no answer'

const notHttps = 'must use https://'
const withUser = 'must not contain a user name or password'
const notPublic = 'must not point to a private or reserved address'
const noUrl = 'must be a valid URL'
const tooLong = 'must be at most 2048 characters'

const refusedUrls: Record<string, readonly string[]> = {
  [notHttps]: [
    'http://8.8.8.8/',
    'HTTP://EXAMPLE.COM/',
    'ftp://8.8.8.8/',
    'ws://8.8.8.8/',
    'javascript:alert(1)',
    'data:text/plain,x',
    'file:///etc/passwd',
    'http://127.0.0.1/',
  ],
  [withUser]: ['https://user@8.8.8.8/', 'https://user:password@8.8.8.8/', 'https://:password@8.8.8.8/'],
  [noUrl]: ['', ' ', 'nonsense', '8.8.8.8', '//8.8.8.8/', 'https://', 'https://a..b/', 'https://256.1.1.1/'],
  [tooLong]: [`https://8.8.8.8/${'x'.repeat(2_033)}`],
  [notPublic]: [
    // Names
    'https://localhost/',
    'https://LOCALHOST./',
    'https://app.localhost/',
    'https://localhost.localdomain/',
    'https://receiver/',
    'https://printer.local/',
    'https://printer.local./',
    'https://db.internal/',
    'https://metadata.google.internal/computeMetadata/v1/',
    'https://METADATA.GOOG/',
    'https://metadata.azure.com/',
    'https://instance-data.ec2.internal/',
    // Addresses, IPv4
    'https://0.0.0.0/',
    'https://0.1.2.3/',
    'https://10.0.0.1/',
    'https://100.64.0.1/',
    'https://100.100.100.200/',
    'https://127.0.0.1/',
    'https://127.255.255.254:8443/hook',
    'https://168.63.129.16/',
    'https://169.254.169.254/latest/meta-data/',
    'https://169.254.170.2/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.0.0.192/',
    'https://192.0.2.1/',
    'https://192.168.1.1/',
    'https://198.18.0.1/',
    'https://198.51.100.1/',
    'https://203.0.113.1/',
    'https://224.0.0.1/',
    'https://239.255.255.250/',
    'https://240.0.0.1/',
    'https://255.255.255.255/',
    // The same, spelt otherwise
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0x0.0x0.0x1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.1/',
    'https://127.0.1/',
    'https://10.1/',
    'https://0/',
    'https://127.0.0.1./',
    'https://①②⑦.⓪.⓪.①/',
    'https://１２７.０.０.１/',
    'https://127。0。0。1/',
    'https://ｌｏｃａｌｈｏｓｔ/',
    'https://%31%32%37.0.0.1/',
    'https://2852039166/',
    // Addresses, IPv6
    'https://[::]/',
    'https://[::1]/',
    'https://[0:0:0:0:0:0:0:1]/',
    'https://[::127.0.0.1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:8.8.8.8]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::127.0.0.1]/',
    'https://[64:ff9b::8.8.8.8]/',
    'https://[64:ff9b:1::1]/',
    'https://[100::1]/',
    'https://[2001::1]/',
    'https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
    'https://[2001:db8::1]/',
    'https://[2002:7f00:1::]/',
    'https://[2002:808:808::1]/',
    'https://[3fff::1]/',
    'https://[4000::1]/',
    'https://[fc00::1]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
  ],
}
const refusals = Object.entries(refusedUrls).flatMap(([message, urls]) =>
  urls.map((url) => ({ url, message })),
)

describeOnEachBackend('webhooks', (make) => {
  let running: TestService
  let api: Api
  let path: string

  beforeAll(async () => {
    // Nothing opened: the guard as an install has it.
    running = await startTestService(await make(), { KRAFTER_ALLOW_NETWORKS: '' }, ['api'])
    api = running.api
  })

  afterAll(() => running.end())

  const newApp = async (): Promise<string> =>
    `/push/apps/${(await api.post('/push/apps', { name: 'A' })).body.data.id}/webhooks`

  const create = async (body: object) => (await api.post(path, { url, ...body })).body.data

  /** The secret as it is stored, decrypted. */
  async function storedSecret(id: string): Promise<string | null> {
    const { db, crypto } = running.service.deps
    const row = await db
      .selectFrom('webhooks')
      .select('secret')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    if (!row.secret) return null
    expect(Buffer.from(row.secret).includes(secret)).toBe(false)
    return crypto.decrypt(row.secret, `webhook-secret:${id}`).toString()
  }

  beforeAll(async () => {
    path = await newApp()
  })

  describe('create, list, read, change, delete', () => {
    test('with the url alone', async () => {
      const own = await newApp()
      expect((await api.get(own)).body).toEqual({ data: [], next_cursor: null })
      const answer = await api.post(own, { url })
      expect(answer.status).toBe(201)
      expect(Object.keys(answer.body)).toEqual(['data'])
      expect(contractFields(answer.body.data)).toEqual(fieldNames)
      const { id, created_at } = answer.body.data
      expect(answer.body.data).toMatchObject({
        id,
        app_id: own.split('/')[3],
        url,
        events: [],
        enabled: true,
        failure_count: 0,
        created_at,
        updated_at: created_at,
        disabled_at: null,
        disabled_reason: null,
      })
      expect(Math.abs(Date.parse(created_at) - Date.now())).toBeLessThan(10_000)
      const listed = await api.get(own)
      expect(listed.status).toBe(200)
      expect(listed.body).toEqual({ data: [answer.body.data], next_cursor: null })
      expect(contractFields(listed.body.data[0])).toEqual(fieldNames)
      expect((await api.get(`${own}/${id}`)).body).toEqual(answer.body)
      // No bucket counts here, so nothing is said of one.
      expect([...answer.headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([])
    })

    test('with everything; the list has every webhook of the app, and of no other', async () => {
      const [own, other] = [await newApp(), await newApp()]
      const made = []
      for (const events of [eventNames, ['notification.sent'], []]) {
        const answer = await api.post(own, { url: `${url}?n=${made.length}`, events, secret, enabled: false })
        expect(answer.status).toBe(201)
        expect(answer.body.data).toMatchObject({
          url: `${url}?n=${made.length}`,
          events,
          enabled: false,
          failure_count: 0,
          disabled_reason: 'disabled through the API',
        })
        made.push(answer.body.data)
      }
      await api.post(other, { url })
      expect((await api.get(own)).body).toEqual({ data: made, next_cursor: null })
    })

    test('a change changes what is given, and nothing else', async () => {
      let webhook = await create({ events: ['notification.sent'], secret })
      const one = `${path}/${webhook.id}`
      const changes = [
        { url: `${url}/2` },
        { events: ['subscriber.registered', 'notification.failed'] },
        { events: [] },
        { enabled: true, url },
      ]
      for (const [index, change] of changes.entries()) {
        running.clock.ahead = (index + 1) * 10_000
        const answer = await api.patch(one, change)
        expect(answer.status).toBe(200)
        expect(contractFields(answer.body.data)).toEqual(fieldNames)
        expect(answer.body.data).toEqual({
          ...webhook,
          ...change,
          updated_at: answer.body.data.updated_at,
        })
        expect(Date.parse(answer.body.data.updated_at)).toBeGreaterThan(Date.parse(webhook.updated_at))
        expect((await api.get(one)).body).toEqual(answer.body)
        expect(await storedSecret(webhook.id)).toBe(secret)
        webhook = answer.body.data
      }
      running.clock.ahead = 0
    })

    test('a change to what is so already changes nothing, updated_at included', async () => {
      const settings = {
        url,
        secret,
        events: ['notification.sent'],
        enabled: true,
        description: 'orders',
        retry_schedule: [1, 2],
        rate_limit: 5,
        max_in_flight: 2,
        headers: { Authorization: 'Bearer abc', 'x-tenant': '7' },
        filter: { sent_count: { in: [1, 2] }, title: 'a' },
        batch: { max_events: 10, max_wait_ms: 50 },
        auto_recover: true,
        signature: 'ed25519',
      }
      const webhook = await create(settings)
      const bare = await create({})
      const ordered = await create({ ordered: 'subscriber_id' })
      running.clock.ahead = 10_000
      for (const [name, value] of Object.entries(settings)) {
        const { body } = await api.patch(`${path}/${webhook.id}`, { [name]: value })
        expect(body.data, name).toEqual(webhook)
      }
      expect((await api.patch(`${path}/${webhook.id}`, settings)).body.data).toEqual(webhook)
      expect((await api.patch(`${path}/${webhook.id}`, {})).body.data).toEqual(webhook)
      const none = {
        secret: null,
        description: null,
        headers: null,
        filter: null,
        batch: null,
        rate_limit: null,
        ordered: null,
      }
      expect((await api.patch(`${path}/${bare.id}`, none)).body.data).toEqual(bare)
      expect((await api.patch(`${path}/${bare.id}`, { ordered: false })).body.data).toEqual(bare)
      expect((await api.patch(`${path}/${ordered.id}`, { ordered: 'subscriber_id' })).body.data).toEqual(
        ordered,
      )

      const changed = (await api.patch(`${path}/${webhook.id}`, { headers: { 'x-tenant': '8' } })).body.data
      expect(Date.parse(changed.updated_at)).toBeGreaterThan(Date.parse(webhook.updated_at))
      const renewed = (await api.patch(`${path}/${bare.id}`, { secret })).body.data
      expect(Date.parse(renewed.updated_at)).toBeGreaterThan(Date.parse(bare.updated_at))
      running.clock.ahead = 0
    })

    test('in order for each subscriber, altogether or not, and never with batches', async () => {
      const batch = { max_events: 10, max_wait_ms: 50, max_bytes: 2_048 }
      const { id, ordered } = await create({ ordered: 'subscriber_id' })
      expect(ordered).toBe('subscriber_id')
      const patch = (change: object) => api.patch(`${path}/${id}`, change)
      for (const [change, expected] of [
        [{ ordered: true }, { ordered: true }],
        [{ ordered: null }, { ordered: false }],
        [{ ordered: true }, { ordered: true }],
        [
          { ordered: false, batch },
          { ordered: false, batch },
        ],
        [
          { ordered: true, batch: null },
          { ordered: true, batch: null },
        ],
      ] as const) {
        expect((await patch(change)).body.data, JSON.stringify(change)).toMatchObject(expected)
      }
      const reason = 'cannot be combined: the events of a batch are in no order'
      const refusal = (details: object) => ({ status: 422, body: { error: 'Validation failed', details } })
      expect(await patch({ batch })).toMatchObject(refusal({ batch: [`and ordered ${reason}`] }))
      expect(await api.post(path, { url, batch, ordered: true })).toMatchObject(
        refusal({ ordered: [`and batch ${reason}`] }),
      )
      await patch({ ordered: false, batch })
      expect(await patch({ ordered: 'subscriber_id' })).toMatchObject(
        refusal({ ordered: [`and batch ${reason}`] }),
      )
    })

    test('disabling says when and why; enabling forgets the failures', async () => {
      const { id } = await create({ events: ['notification.sent'] })
      const one = `${path}/${id}`
      const { db } = running.service.deps
      const fail = () =>
        db
          .updateTable('webhooks')
          .set({ failure_count: 7, failing_since: new Date() })
          .where('id', '=', id)
          .execute()
      await fail()
      expect((await api.get(one)).body.data).toMatchObject({ enabled: true, failure_count: 7 })
      expect((await api.patch(one, { url, events: [] })).body.data.failure_count).toBe(7)
      const disabled = (await api.patch(one, { enabled: false })).body.data
      expect(disabled).toMatchObject({
        enabled: false,
        failure_count: 7,
        disabled_at: disabled.updated_at,
        disabled_reason: 'disabled through the API',
      })
      running.clock.ahead = 10_000
      const again = (await api.patch(one, { enabled: false })).body.data
      expect(again).toEqual({ ...disabled, updated_at: again.updated_at })
      running.clock.ahead = 0
      const healthy = { enabled: true, failure_count: 0, disabled_at: null, disabled_reason: null }
      expect((await api.patch(one, { enabled: true })).body.data).toMatchObject(healthy)
      await fail()
      expect((await api.patch(one, { enabled: true })).body.data).toMatchObject(healthy)
      const row = await db
        .selectFrom('webhooks')
        .select('failing_since')
        .where('id', '=', id)
        .executeTakeFirst()
      expect(row).toEqual({ failing_since: null })
    })

    test('a deleted webhook is gone', async () => {
      const own = await newApp()
      const [first, second] = [
        (await api.post(own, { url })).body.data,
        (await api.post(own, { url })).body.data,
      ]
      const one = `${own}/${first.id}`
      const response = await fetch(`${api.url}/api/v1${one}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${api.key}` },
      })
      expect(response.status).toBe(204)
      expect(await response.text()).toBe('')
      expect(response.headers.get('content-type')).toBeNull()
      expect((await api.get(own)).body).toEqual({ data: [second], next_cursor: null })
      for (const answer of [
        await api.get(one),
        await api.patch(one, { enabled: false }),
        await api.delete(one),
      ]) {
        expect(answer).toMatchObject({ status: 404, body: { error: 'Not found' } })
      }
    })
  })

  describe('secrets', () => {
    test('a secret is in no answer and encrypted at rest', async () => {
      const created = await api.post(path, { url, secret })
      const one = `${path}/${created.body.data.id}`
      const other = `${secret}, changed`
      const answers = [
        created,
        await api.get(one),
        await api.get(path),
        await api.patch(one, { secret: other }),
        await api.patch(one, { secret: other, url: 'nonsense' }),
        await api.post(path, { secret, url: 'nonsense' }),
        await api.post(path, { secret: 'x'.repeat(300), url }),
      ]
      for (const { body } of answers) {
        expect(JSON.stringify(body)).not.toContain(secret)
        expect(body.data ?? {}).not.toHaveProperty('secret')
      }
      expect(await storedSecret(created.body.data.id)).toBe(other)
      expect(JSON.stringify(running.logs)).not.toContain(secret)
    })

    test('absent, null or empty: none; on a change, null or empty removes it', async () => {
      for (const none of [{}, { secret: null }, { secret: '' }]) {
        expect(await storedSecret((await create(none)).id)).toBeNull()
      }
      for (const removed of [null, '']) {
        const { id } = await create({ secret })
        expect(await storedSecret(id)).toBe(secret)
        await api.patch(`${path}/${id}`, { enabled: true })
        expect(await storedSecret(id)).toBe(secret)
        expect((await api.patch(`${path}/${id}`, { secret: removed })).status).toBe(200)
        expect(await storedSecret(id)).toBeNull()
        await api.patch(`${path}/${id}`, { secret })
        expect(await storedSecret(id)).toBe(secret)
      }
    })

    test('any text up to 255 characters is a secret', async () => {
      for (const text of [
        'x'.repeat(255),
        'ключ 🔑',
        ' ',
        'WHSEC_nonsense',
        `whsec_${Buffer.alloc(24).toString('base64')}`,
      ]) {
        expect(await storedSecret((await create({ secret: text })).id)).toBe(text)
      }
    })
  })

  describe('events', () => {
    test('duplicates fold, in the order given', async () => {
      const given = ['notification.failed', 'notification.sent', 'notification.failed', 'notification.sent']
      const webhook = await create({ events: given })
      expect(webhook.events).toEqual(['notification.failed', 'notification.sent'])
      const changed = await api.patch(`${path}/${webhook.id}`, {
        events: Array(100).fill('notification.clicked'),
      })
      expect(changed.body.data.events).toEqual(['notification.clicked'])
    })

    test('every event can be named', async () => {
      for (const name of eventNames) expect((await create({ events: [name] })).events).toEqual([name])
    })
  })

  describe('what is refused, stores and changes nothing', () => {
    const cases: { body: Record<string, unknown>; details: Record<string, string[]> }[] = [
      { body: { url: null }, details: { url: ['must be a string'] } },
      { body: { url: 7 }, details: { url: ['must be a string'] } },
      { body: { url: { href: url } }, details: { url: ['must be a string'] } },
      { body: { url: `${url}\u0000` }, details: { url: ['must not contain a NUL character'] } },
      { body: { secret: 7 }, details: { secret: ['must be a string'] } },
      { body: { secret: 'x'.repeat(256) }, details: { secret: ['must be at most 255 characters'] } },
      { body: { events: null }, details: { events: ['must be an array'] } },
      { body: { events: 'notification.sent' }, details: { events: ['must be an array'] } },
      {
        body: { events: ['notification.sent', 'notification.read'] },
        details: { events: ['has an unknown event: "notification.read"'] },
      },
      {
        body: { events: ['Notification.Sent', 7, '*'] },
        details: {
          events: [
            'has an unknown event: "Notification.Sent"',
            'has an unknown event: 7',
            'has an unknown event: "*"',
          ],
        },
      },
      {
        body: { events: Array(101).fill('notification.sent') },
        details: { events: ['must have at most 100 entries'] },
      },
      {
        body: { events: ['x'.repeat(10_000)] },
        details: { events: [`has an unknown event: "${'x'.repeat(38)}…`] },
      },
      {
        body: { events: Array(100).fill('x') },
        details: { events: Array(3).fill('has an unknown event: "x"') },
      },
      {
        body: { description: 'a\ud83d' },
        details: { description: ['must not contain half of a surrogate pair'] },
      },
      {
        body: { headers: { 'HTTP2-Settings': 'AAMAAABk' } },
        details: { headers: ['"HTTP2-Settings" is not allowed: it belongs to the connection'] },
      },
      {
        body: { headers: { 'X-Krafter-Test': 'true' } },
        details: { headers: ['"X-Krafter-Test" is not allowed: it is set by the service'] },
      },
      {
        body: { filter: { title: 'x'.repeat(8_192) } },
        details: { filter: ['must be at most 8192 bytes of JSON'] },
      },
      ...[
        `whsec_${Buffer.alloc(23).toString('base64')}`,
        `whsec_${Buffer.alloc(65).toString('base64')}`,
        `whsec_${Buffer.alloc(32).toString('base64').replace('=', '')}`,
        `whsec_${Buffer.alloc(32).toString('base64').replace('A=', 'B=')}`,
        `whsec_${Buffer.alloc(32, 255).toString('base64url')}=`,
        'whsec_nonsense',
        'whsec_',
      ].map((secret) => ({
        body: { secret },
        details: {
          secret: [
            'must be whsec_ and 24 to 64 bytes in base64 with its padding: Standard Webhooks libraries read any other secret with this prefix as another key, or refuse it',
          ],
        },
      })),
      ...['user_id', 1, 'true'].map((ordered) => ({
        body: { ordered },
        details: { ordered: ['must be true, false or "subscriber_id"'] },
      })),
      { body: { enabled: 'true' }, details: { enabled: ['must be a boolean'] } },
      { body: { enabled: null }, details: { enabled: ['must be a boolean'] } },
      {
        body: { events: ['nonsense'], enabled: 1, secret: [] },
        details: {
          events: ['has an unknown event: "nonsense"'],
          enabled: ['must be a boolean'],
          secret: ['must be a string'],
        },
      },
    ]

    async function expectNothingFrom(send: () => Promise<void>): Promise<void> {
      const before = (await api.get(path)).body
      await send()
      expect((await api.get(path)).body).toEqual(before)
    }

    test('bodies', async () => {
      const { id } = await create({ events: ['notification.sent'], secret })
      await expectNothingFrom(async () => {
        expect(await api.post(path, {})).toMatchObject({
          status: 422,
          body: { error: 'Validation failed', details: { url: ['is required'] } },
        })
        for (const { body, details } of cases) {
          for (const answer of [
            await api.post(path, { url, ...body }),
            await api.patch(`${path}/${id}`, { secret: 'other', ...body }),
          ]) {
            expect({ body, status: answer.status, answer: answer.body }).toEqual({
              body,
              status: 422,
              answer: { error: 'Validation failed', details },
            })
          }
        }
      })
      expect(await storedSecret(id)).toBe(secret)
    })

    test('addresses that must not be reached', async () => {
      const { id } = await create({ events: ['notification.sent'], secret })
      await expectNothingFrom(async () => {
        for (const { url, message } of refusals) {
          for (const answer of [
            await api.post(path, { url, secret }),
            await api.patch(`${path}/${id}`, { url, enabled: false, events: [], secret: null }),
          ]) {
            expect({ url, status: answer.status, body: answer.body }).toEqual({
              url,
              status: 422,
              body: { error: 'Validation failed', details: { url: [message] } },
            })
          }
        }
      })
      expect(await storedSecret(id)).toBe(secret)
    })
  })

  test('addresses that may be reached, kept as the parser has them: what is shown is what is called', async () => {
    const { id } = await create({})
    for (const [given, stored] of [
      ['https://8.8.8.8/', 'https://8.8.8.8/'],
      ['https://8.8.8.8:8443/a/b?c=d&e=%20#f', 'https://8.8.8.8:8443/a/b?c=d&e=%20#f'],
      ['HTTPS://8.8.8.8', 'https://8.8.8.8/'],
      ['  https://0x08080808:443/a/../b c/ü?q=ü\n', 'https://8.8.8.8/b%20c/%C3%BC?q=%C3%BC'],
      ['https://[2606:4700:0:0::1111]/hook', 'https://[2606:4700::1111]/hook'],
      ['https://100.128.0.1/', 'https://100.128.0.1/'],
      ['https://172.32.0.1/', 'https://172.32.0.1/'],
      [`https://8.8.8.8/${'x'.repeat(2_032)}`, `https://8.8.8.8/${'x'.repeat(2_032)}`],
      // Never resolves (RFC 6761 §6.4): it may be set up later.
      ['https://Receiver.INVALID/hook', 'https://receiver.invalid/hook'],
    ] as const) {
      const created = await api.post(path, { url: given })
      expect({ given, status: created.status, url: created.body.data?.url }).toEqual({
        given,
        status: 201,
        url: stored,
      })
      const changed = await api.patch(`${path}/${id}`, { url: given })
      expect(changed).toMatchObject({ status: 200, body: { data: { url: stored } } })
    }
    const long = await api.post(path, { url: `https://8.8.8.8/${'ü'.repeat(400)}` })
    expect(long).toMatchObject({
      status: 422,
      body: { details: { url: ['must be at most 2048 characters when it is percent-encoded'] } },
    })
  })

  test('a filter fits the events of its webhook, on create and whatever changes', async () => {
    const platform = { platform: 'web' }
    const misfit = `names "platform", which none of the webhook's events has`
    const refused = (answer: Awaited<ReturnType<Api['post']>>, details: object) =>
      expect(answer).toMatchObject({ status: 422, body: { details } })
    refused(await api.post(path, { url, events: ['notification.sent'], filter: platform }), {
      filter: [misfit],
    })
    const { id } = await create({ events: ['notification.failed'], filter: platform })
    const one = `${path}/${id}`
    refused(await api.patch(one, { events: ['notification.sent'] }), { events: [`the filter ${misfit}`] })
    refused(await api.patch(one, { filter: { platform: 'windows' } }), {
      filter: ['compares "platform" with "windows", but it is web, ios or android'],
    })
    refused(await api.patch(one, { events: ['notification.sent'], filter: platform }), { filter: [misfit] })
    const both = { events: ['notification.sent'], filter: { sent_count: 1 } }
    expect(await api.patch(one, both)).toMatchObject({ status: 200, body: { data: both } })
    expect(await api.patch(one, { description: 'x' })).toMatchObject({ status: 200, body: { data: both } })
    expect((await api.patch(one, { events: ['subscriber.registered'], filter: null })).status).toBe(200)
  })

  test('an app has at most so many webhooks, however many are asked for at once', async () => {
    const own = await newApp()
    const { db, config } = running.service.deps
    expect(config.maxWebhooksPerApp).toBe(100)
    const { id, ...row } = await db
      .selectFrom('webhooks')
      .selectAll()
      .where('id', '=', (await api.post(own, { url })).body.data.id)
      .executeTakeFirstOrThrow()
    const rows = Array.from({ length: 96 }, () => ({ ...row, id: randomUUID(), filter: null, batch: null }))
    await db.insertInto('webhooks').values(rows).execute()
    const answers = await Promise.all(Array.from({ length: 6 }, () => api.post(own, { url })))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 422, 422, 422])
    expect(answers.find(({ status }) => status === 422)!.body).toEqual({
      error: 'Validation failed',
      details: { webhooks: ['must be at most 100 in an app'] },
    })
    await api.delete(`${own}/${id}`)
    expect((await api.post(own, { url })).status).toBe(201)
  })

  test('moments at the ends of the calendar are taken or refused, never our fault', async () => {
    const { id } = await create({ events: ['notification.sent'] })
    for (const since of ['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59-12:00']) {
      const answer = await api.post(`${path}/${id}/replay`, { since })
      expect({ since, status: answer.status }).toEqual({ since, status: since < '2' ? 202 : 422 })
    }
  })

  test('an error shows at most 200 characters of what was sent', async () => {
    const long = 'ß'.repeat(10_000)
    const { id } = await create({ events: ['notification.sent'] })
    const app = path.replace('/webhooks', '')
    const wrong = {
      url: `https://${long}/`,
      secret: long,
      events: Array(20).fill(long),
      enabled: long,
      signature: long,
      description: long,
      retry_schedule: Array(1_000).fill('ß'),
      rate_limit: long,
      headers: { [long]: long },
      filter: { [long.slice(0, 100)]: long.slice(0, 100) },
      batch: { [long]: long },
      auto_recover: long,
    }
    for (const answer of [
      await api.post(path, wrong),
      await api.post(path, {
        ...wrong,
        headers: { a: long },
        filter: { platform: { [long.slice(0, 100)]: 1 } },
      }),
      await api.post(path, { url, events: [long] }),
      await api.post(path, {
        url,
        events: ['notification.sent'],
        filter: { title: 1, sent_count: long.slice(0, 99) },
      }),
      await api.get(`${path.replace('/webhooks', '/subscribers')}?limit=${'%C3%9F'.repeat(1_000)}`),
      await api.post(`${path}/${id}/replay`, { since: long, events: Array(20).fill(long), status: long }),
      await api.post(`${app}/notifications`, { title: 'T', platform_overrides: { web: { [long]: 1 } } }),
      await api.post(`${app}/notifications`, {
        title: long,
        body: long,
        actions: Array(10).fill({ title: long.slice(0, 300), action: long }),
        targeting: { type: 'tags', tags: Array(20).fill(long) },
      }),
      await api.get(`${app}/events/stream?event=${'%C3%9F'.repeat(1_000)}`),
      await api.post(`${app}/subscribers`, { platform: long, token: long, tags: Array(20).fill(long) }),
    ]) {
      expect(answer.status).toBe(422)
      const text = JSON.stringify(answer.body)
      expect(text.split('ß').length - 1).toBeLessThanOrEqual(200)
      expect(text.length).toBeLessThan(3_000)
    }
  })
})
