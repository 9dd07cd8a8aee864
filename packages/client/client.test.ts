import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder } from '../../test/support/backends.ts'
import { emit } from '../../test/support/database.ts'
import { makeKey } from '../../test/support/keys.ts'
import { type PushService, startPushService } from '../../test/support/push-service.ts'
import { type Receiver, startReceiver } from '../../test/support/receiver.ts'
import { startTestService, type TestService } from '../../test/support/service.ts'
import {
  AuthenticationError,
  type Event,
  Krafter,
  NotFoundError,
  NotSentError,
  PermissionError,
  TimeoutError,
  ValidationError,
} from './index.ts'

let running: TestService
let pushService: PushService
let receiver: Receiver
let krafter: Krafter

beforeAll(async () => {
  ;[running, pushService, receiver] = await Promise.all([
    startTestService(makeDataFolder(), {}, undefined, { streams: { gatherMs: 2, sweepMs: 40 } }),
    startPushService(),
    startReceiver(),
  ])
  krafter = new Krafter({ url: running.api.url, apiKey: running.api.key })
})

afterAll(async () => {
  await running.end()
  await Promise.all([pushService.stop(), receiver.stop()])
})

const failure = (call: PromiseLike<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error) => error,
  )

test('the main job: an app, a webhook, subscribers, a notification, its deliveries', async () => {
  const app = await krafter.apps.create({ name: 'My shop' })
  expect(app.vapid_private_key).toMatch(/^[\w-]{43}$/)
  const webhook = await krafter.webhooks.create(app.id, {
    url: `${receiver.origin}/main-job`,
    events: ['notification.sent'],
  })
  for (const name of ['ada', 'grace']) {
    const subscriber = await krafter.subscribers.register(app.id, {
      ...pushService.makeDevice(name).registration,
      user_id: name,
    })
    expect(subscriber).toMatchObject({ status: 'active', user_id: name })
  }
  const { id } = await krafter.notifications.create(app.id, {
    title: 'On its way',
    targeting: { type: 'user_ids', ids: ['ada'] },
  })
  const seen: string[] = []
  const sent = await krafter.notifications.waitUntilSent(app.id, id, {
    onProgress: ({ status }) => seen.push(status),
  })
  expect(sent).toMatchObject({
    id,
    status: 'sent',
    stats: { total_count: 1, sent_count: 1, failed_count: 0 },
  })
  expect(seen.at(-1)).toBe('sent')
  await receiver.waitFor(1, '/main-job')

  const [event] = (await krafter.events.list(app.id)).data
  expect(event).toMatchObject({ event: 'notification.sent', data: { notification_id: id } })
  const deliveries = []
  for await (const delivery of krafter.deliveries.list(app.id, webhook.id)) deliveries.push(delivery)
  expect(deliveries).toMatchObject([{ event: 'notification.sent', event_id: event!.id }])
  const again = await krafter.deliveries.replay(app.id, webhook.id, deliveries[0]!.id)
  expect(again.event_id).toBe(event!.id)
  await receiver.waitFor(2, '/main-job')
  const { attempts } = await krafter.deliveries.read(app.id, webhook.id, deliveries[0]!.id)
  expect(attempts).toMatchObject([{ number: 1, status: 204 }])

  expect(await krafter.apps.update(app.id, { name: 'Closed' })).toMatchObject({ name: 'Closed' })
  expect(await krafter.apps.delete(app.id)).toBeUndefined()
  expect(await failure(krafter.apps.read(app.id))).toBeInstanceOf(NotFoundError)
})

test('lists are read page by page, batches sent request by request', async () => {
  const { id: appId } = await krafter.apps.create({ name: 'Many' })
  const requests: string[] = []
  const counting = new Krafter({
    url: `${running.api.url}/api/v1/`,
    apiKey: running.api.key,
    fetch: (url, init) => {
      requests.push(`${init.method} ${url.slice(url.indexOf('/push/apps') + 48)}`)
      return fetch(url, init)
    },
  })
  const device = pushService.makeDevice('one of many').registration
  function* rows() {
    for (let i = 0; i < 1_001; i++) yield { ...device, token: `${device.token}?${i}`, tags: ['all'] }
    yield { ...device, token: 'http://insecure.example/' }
  }
  const results = []
  for await (const result of counting.subscribers.registerBatch(appId, rows())) results.push(result)
  expect(requests.splice(0)).toEqual(Array(2).fill('POST subscribers/batch'))
  expect(results.filter(({ status }) => status === 201)).toHaveLength(1_001)
  expect(results.at(-1)).toMatchObject({ status: 422, details: { token: [expect.any(String)] } })

  const list = counting.subscribers.list(appId, { tag: 'all', limit: 100, offset: 1 })
  const ids = new Set<string>()
  for await (const { id } of list) ids.add(id)
  expect(ids.size).toBe(1_000)
  expect(requests).toHaveLength(10)
  // Who stops early asks for no more.
  requests.length = 0
  for await (const page of list.pages()) {
    expect(page.data).toHaveLength(100)
    break
  }
  expect(requests).toEqual(['GET subscribers?tag=all&limit=100&offset=1'])
  expect((await list.withResponse()).response.status).toBe(200)

  const drafts = await krafter.notifications.createBatch(
    appId,
    Array.from({ length: 101 }, (_, i) => ({
      title: `No. ${i}`,
      targeting: { type: 'user_ids', ids: ['x'] },
    })),
    { idempotencyKey: 'a-batch' },
  )
  const titles = drafts.map((row) => ('data' in row ? row.data.title : row.error))
  expect(titles).toEqual(Array.from({ length: 101 }, (_, i) => `No. ${i}`))
  expect(await krafter.subscribers.registerBatch(appId, [])).toEqual([])
})

test('what is refused is an error of its kind', async () => {
  const invalid = await failure(krafter.apps.create({ name: '' }))
  expect(invalid).toBeInstanceOf(ValidationError)
  expect(invalid).toMatchObject({
    name: 'ValidationError',
    code: 'invalid',
    status: 422,
    error: 'Validation failed',
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    details: { name: [expect.any(String)] },
    message: expect.stringMatching(/^POST \/push\/apps answered 422: Validation failed \(name .+\)$/),
  })
  const reader = await makeKey(running, { scopes: ['push:read'] })
  const asReader = new Krafter({ url: running.api.url, apiKey: reader.key })
  expect(await failure(asReader.apps.create({ name: 'x' }))).toBeInstanceOf(PermissionError)
  const asNobody = new Krafter({ url: running.api.url })
  expect(await failure(asNobody.apps.list())).toBeInstanceOf(AuthenticationError)
  // An id that is none could make the path another one.
  for (const id of ['', '..', 'a/b']) {
    expect(await failure(krafter.apps.delete(id))).toMatchObject({ message: /^app_id must be an id/ })
  }
  expect(() => new Krafter({ url: 'localhost:8080' })).toThrow(/^url must be/)
  expect(() => new Krafter({ url: running.api.url, apiKey: 'kr_live_\n' })).toThrow(/^apiKey is not/)
})

test('an answer comes with its response, and what was asked for once is done once', async () => {
  const { data, response } = await krafter.apps
    .create({ name: 'Once', colour: 'red' } as { name: string })
    .withResponse()
  expect(data.name).toBe('Once')
  expect(response.status).toBe(201)
  expect(response.headers.get('x-krafter-ignored')).toBe('colour')
  const idempotencyKey = randomUUID()
  const [first, second] = await Promise.all([
    krafter.apps.create({ name: 'Twice' }, { idempotencyKey }),
    krafter.apps.create({ name: 'Twice' }, { idempotencyKey }),
  ])
  expect(second).toEqual(first)
})

test('waiting ends with what cannot be sent, in time and with the signal', async () => {
  const { id: appId } = await krafter.apps.create({ name: 'Waiting' })
  await krafter.subscribers.register(appId, pushService.makeDevice('gone').registration)
  const answer = pushService.answer
  pushService.answer = (_, response) => void response.writeHead(410).end()
  const { id } = await krafter.notifications.create(appId, { title: 'To nobody' })
  const failed = await failure(krafter.notifications.waitUntilSent(appId, id))
  expect(failed).toBeInstanceOf(NotSentError)
  expect(failed.notification).toMatchObject({ id, status: 'failed' })

  await krafter.subscribers.register(appId, pushService.makeDevice('slow').registration)
  const held: (() => void)[] = []
  pushService.answer = (push, response) => void held.push(() => answer(push, response))
  const slow = await krafter.notifications.create(appId, { title: 'Slow' })
  const wait = krafter.notifications.waitUntilSent(appId, slow.id, { timeoutMs: 300 })
  expect(await failure(wait)).toBeInstanceOf(TimeoutError)
  const signal = AbortSignal.timeout(100)
  const ended = await failure(krafter.notifications.waitUntilSent(appId, slow.id, { signal }))
  expect(ended).toBe(signal.reason)
  // What the service still waits for would hold its end up.
  pushService.answer = answer
  await expect.poll(() => held.length).toBeGreaterThan(0)
  for (const release of held) release()
})

test('events are followed as they happen, over a cut, each once', async () => {
  const { id: appId } = await krafter.apps.create({ name: 'Followed' })
  let cut = new AbortController()
  const resumedAfter: (string | null)[] = []
  const cuttable = new Krafter({
    url: running.api.url,
    apiKey: running.api.key,
    fetch: (url, init) => {
      cut = new AbortController()
      resumedAfter.push(new Headers(init.headers).get('last-event-id'))
      return fetch(url, { ...init, signal: AbortSignal.any([init.signal!, cut.signal]) })
    },
  })
  const opened = Promise.withResolvers<void>()
  const cuts: number[] = []
  const events: Event[] = []
  const following = (async () => {
    const stream = cuttable.events.follow(appId, {
      events: ['notification.sent'],
      onOpen: () => opened.resolve(),
      onCut: (_, waitMs) => cuts.push(waitMs),
    })
    for await (const event of stream) {
      events.push(event)
      if (events.length === 5) break
    }
  })()
  await opened.promise
  await emit(running.service, appId, 2)
  await emit(running.service, appId, 1, 'subscriber.registered')
  await expect.poll(() => events.length).toBe(2)
  cut.abort(new Error('cut'))
  await emit(running.service, appId, 3)
  await following
  expect(new Set(events.map(({ id }) => id)).size).toBe(5)
  expect(events.every(({ event }) => event === 'notification.sent')).toBe(true)
  expect(cuts).toEqual([expect.any(Number)])
  expect(resumedAfter).toEqual([null, events[1]!.id])
  const after = krafter.events.follow(appId, { lastEventId: events[0]!.id })
  for await (const { id, data } of after.messages()) {
    expect(JSON.parse(data).id).toBe(id)
    break
  }
  const noApp = krafter.events.follow(randomUUID())[Symbol.asyncIterator]()
  expect(await failure(noApp.next())).toBeInstanceOf(NotFoundError)
})
