import { createECDH, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http2'
import { setTimeout } from 'node:timers/promises'
import { decrypt } from 'http_ece'
import { afterEach, expect, test } from 'vitest'
import {
  type ScriptedAnswer,
  scriptedCa,
  startScriptedPushService,
} from '../../../test/support/scripted-push-service.ts'
import { createAddressGuard } from '../../outbound/address-guard.ts'
import { createOutbound } from '../../outbound/outbound-client.ts'
import { newId } from '../../platform/ids.ts'
import type { Outcome } from '../outcome.ts'
import { sendToRows } from '../send-to-rows.ts'
import { failuresBeforePause, probes } from './origin-health.ts'
import { generateVapidKeys } from './vapid-keys.ts'
import { createWebPushChannel, type WebPushOptions } from './web-push-channel.ts'

const vapid = generateVapidKeys()
const sender = { appId: newId(), vapidPublicKey: vapid.publicKey, vapidPrivateKey: vapid.privateKey }
const push = { title: 'hello', ttlSeconds: 60, topic: null as string | null }
const unaborted = new AbortController().signal

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup()
  }
})

/** A machine that is busy for seconds makes no push service slow or stuck. */
const patient = { timeoutMs: 60_000, quietMs: 60_000, slowMs: 60_000 }

async function pushService(answer: (path: string, headers: IncomingHttpHeaders) => ScriptedAnswer | null) {
  const service = await startScriptedPushService(answer)
  cleanups.push(() => service.stop())
  return service
}

function makeChannel(options: Partial<WebPushOptions> = {}) {
  const clock = { time: Date.parse('2025-06-01T08:00:00Z'), now: () => new Date(clock.time) }
  const outbound = createOutbound({ guard: createAddressGuard(['127.0.0.0/8']), ca: scriptedCa })
  const webPush = createWebPushChannel({
    outbound,
    clock,
    vapidSubject: 'mailto:push@example.com',
    trackingKey: randomBytes(32),
    ...patient,
    ...options,
  })
  cleanups.push(() => outbound.close())
  cleanups.push(() => webPush.close())
  const channel = {
    send(from: typeof sender, asked: typeof push, recipients: readonly Recipient[], signal: AbortSignal) {
      const { appId, vapidPublicKey: publicPart, vapidPrivateKey } = from
      const { title, ttlSeconds, topic } = asked
      const credentials = new Map([[1, { publicPart, readSecret: () => vapidPrivateKey }]])
      const web = { ttl: ttlSeconds, urgency: 'high', ...(topic && { topic }) }
      const content = { platform_overrides: { web } }
      const message = { id: newId(), appId, title, content, appSettings: {}, startedAt: clock.now() }
      const rows = recipients.map((recipient) => ({ ...recipient, credential: 1, userEpoch: 0 }))
      return sendToRows(webPush, { id: appId, credentials }, message, rows, signal)
    },
  }
  return { channel, clock }
}

interface Recipient {
  id: string
  token: string
  p256dh: Uint8Array | null
  auth: Uint8Array | null
}

function makeRecipients(origin: string, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const pair = createECDH('prime256v1')
    pair.generateKeys()
    return {
      id: newId(),
      token: `${origin}/push/${i}`,
      p256dh: pair.getPublicKey(),
      auth: randomBytes(16),
      pair,
    }
  })
}

function tally(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of outcomes) {
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

test('each recipient gets a request of its own that it can decrypt', async () => {
  const { origin, received } = await pushService(() => ({ status: 201 }))
  const recipients = makeRecipients(origin, 150)
  const { channel } = makeChannel()
  const outcomes = await channel.send(sender, { ...push, topic: 'news' }, recipients, unaborted)
  expect(outcomes).toEqual(recipients.map(() => ({ kind: 'sent', status: 201 })))
  expect(received).toHaveLength(150)
  for (const { path, headers, body } of received) {
    const { pair, auth } = recipients[Number(path.split('/').pop())]!
    const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
    expect(JSON.parse(decrypt(body, params).toString())).toEqual({
      id: expect.any(String),
      app_id: sender.appId,
      title: 'hello',
      t: expect.stringMatching(/^[\w-]{84}$/),
    })
    expect(headers).toMatchObject({
      ttl: '60',
      urgency: 'high',
      topic: 'news',
      'content-encoding': 'aes128gcm',
      'content-type': 'application/octet-stream',
      'content-length': String(body.length),
      authorization: expect.stringMatching(new RegExp(`^vapid t=[\\w.-]+, k=${vapid.publicKey}$`)),
    })
  }
})

test('outcomes come in the order of the recipients, whatever happens to each', async () => {
  const statuses = [201, 410, 404, 413, 403, 500, 302]
  const { origin, received } = await pushService((path) => ({
    status: statuses[Number(path.split('/').pop())]!,
  }))
  const recipients: Recipient[] = makeRecipients(origin, statuses.length)
  const good = recipients[0]!
  recipients.push(
    { ...good, token: 'no url' },
    { ...good, p256dh: null },
    { ...good, auth: Buffer.alloc(15) },
    { ...good, p256dh: Buffer.alloc(65, 4) },
    { ...good, token: 'https://10.0.0.1/push' },
    { ...good, token: 'http://127.0.0.1/push' },
  )
  const { channel } = makeChannel()
  const outcomes = await channel.send(sender, push, recipients, unaborted)
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    'sent',
    'gone',
    'gone',
    'rejected',
    'rejected',
    'retry',
    'rejected',
    ...Array.from({ length: 6 }, () => 'rejected'),
  ])
  expect(received).toHaveLength(statuses.length)
  expect(received.every(({ headers }) => !('topic' in headers))).toBe(true)
})

test('a topic that its push service refuses is mapped, and no push is lost', async () => {
  const { origin, received } = await pushService((_, { topic }) =>
    String(topic).length % 4 === 0 ? { status: 201 } : { status: 400, body: '{"reason":"BadWebPushTopic"}' },
  )
  const { channel } = makeChannel({ concurrency: 1 })
  const send = (topic: string | null, count: number) =>
    channel.send(sender, { ...push, topic }, makeRecipients(origin, count), unaborted)
  expect(tally(await send('spike', 5))).toEqual({ sent: 5 })
  // One was refused; the rest of the page had learned from it.
  const topics = received.map(({ headers }) => headers.topic)
  expect(topics).toEqual(['spike', ...Array.from({ length: 5 }, () => topics[1])])
  expect(topics[1]).toMatch(/^[\w-]{32}$/)
  await send('spike', 1)
  expect(received.at(-1)!.headers.topic).toBe(topics[1])
  // Without a topic there is nothing to map.
  expect(await send(null, 1)).toMatchObject([
    { kind: 'rejected', error: 'the push service answered 400: BadWebPushTopic' },
  ])
})

test('what WNS throttles or drops was not sent, and its headers say why', async () => {
  const answers: { status: number; headers: Record<string, string> }[] = [
    { status: 200, headers: { 'x-wns-notificationstatus': 'received' } },
    { status: 200, headers: { 'x-wns-notificationstatus': 'dropped', 'x-wns-msg-id': '73B9' } },
    { status: 200, headers: { 'x-wns-notificationstatus': 'channelThrottled', 'retry-after': '60' } },
    { status: 406, headers: { 'x-wns-error-description': 'Too many', 'retry-after': '90' } },
  ]
  const { origin } = await pushService((path) => answers[Number(path.split('/').pop())]!)
  const { channel } = makeChannel()
  const outcomes = await channel.send(sender, push, makeRecipients(origin, answers.length), unaborted)
  const said = (status: number, why: string) => ({
    status,
    error: `the push service answered ${status}: ${why}`,
  })
  expect(outcomes).toEqual([
    { kind: 'sent', status: 200 },
    { kind: 'rejected', reason: 'rejected', ...said(200, 'dropped (x-wns-msg-id 73B9)') },
    { kind: 'retry', afterSeconds: 60, ...said(200, 'channelThrottled') },
    { kind: 'retry', afterSeconds: 90, ...said(406, 'Too many') },
  ])
})

test('a refused key says when its push service last took the same', async () => {
  const mismatch = { status: 403, body: '{"reason":"VapidPkHashMismatch"}' }
  let takes = (path: string) => path.endsWith('/9')
  const { origin } = await pushService((path) => (takes(path) ? { status: 201 } : mismatch))
  const { channel, clock } = makeChannel()
  const send = (count: number, by = sender) =>
    channel.send(by, push, makeRecipients(origin, count), unaborted)
  const refused = (acceptedAt: Date | null) => ({ kind: 'rejected', keyRefusal: { acceptedAt } })

  expect(await send(3)).toMatchObject([refused(null), refused(null), refused(null)])
  const first = clock.now()
  expect((await send(10)).slice(0, 2)).toMatchObject([refused(first), refused(first)])
  clock.time += 60_000
  expect(await send(1)).toMatchObject([refused(first)])
  const { publicKey, privateKey } = generateVapidKeys()
  const other = { appId: 'app', vapidPublicKey: publicKey, vapidPrivateKey: privateKey }
  expect(await send(1, other)).toMatchObject([refused(null)])
  takes = () => true
  expect((await send(1))[0]).not.toHaveProperty('keyRefusal')
})

test('a payload that does not fit is too large for everybody', async () => {
  const { channel } = makeChannel()
  const recipients = makeRecipients('https://127.0.0.1:1', 2)
  const outcomes = await channel.send(sender, { ...push, title: 'x'.repeat(3_994) }, recipients, unaborted)
  expect(outcomes).toMatchObject([{ reason: 'too_large' }, { reason: 'too_large' }])
})

test('keys of the app that cannot sign reject its pushes', async () => {
  const { channel } = makeChannel()
  const recipients = makeRecipients('https://127.0.0.1:1', 2)
  const outcomes = await channel.send({ ...sender, vapidPublicKey: 'x' }, push, recipients, unaborted)
  expect(tally(outcomes)).toEqual({ rejected: 2 })
})

test('a 429 pauses its push service for as long as it says, and no other', async () => {
  let throttled = true
  const busy = await pushService(() =>
    throttled ? { status: 429, headers: { 'retry-after': '90' } } : { status: 201 },
  )
  const other = await pushService(() => ({ status: 201 }))
  const { channel, clock } = makeChannel({ concurrency: 5 })
  const recipients = [...makeRecipients(busy.origin, 100), ...makeRecipients(other.origin, 100)]
  const first = await channel.send(sender, push, recipients, unaborted)
  expect(tally(first.slice(0, 100))).toEqual({ retry: 5, deferred: 95 })
  expect(tally(first.slice(100))).toEqual({ sent: 100 })
  expect(first[99]).toMatchObject({ kind: 'deferred', afterSeconds: 90 })
  expect(busy.received.length).toBeLessThan(20)

  throttled = false
  clock.time += 89_500
  const requests = busy.received.length
  const second = await channel.send(sender, push, makeRecipients(busy.origin, 10), unaborted)
  expect(second[0]).toMatchObject({ kind: 'deferred', afterSeconds: 1 })
  expect(busy.received).toHaveLength(requests)
  clock.time += 500
  expect(tally(await channel.send(sender, push, makeRecipients(busy.origin, 10), unaborted))).toEqual({
    sent: 10,
  })
})

test('a 429 is the affair of the app that gets it', async () => {
  const { origin } = await pushService((path, { ttl }) =>
    ttl === '1'
      ? { status: path.endsWith('/0') ? 429 : 503, headers: { 'retry-after': '90' } }
      : { status: 201 },
  )
  const { channel } = makeChannel()
  const send = (appId: string, count: number, ttlSeconds = 60) =>
    channel.send({ ...sender, appId }, { ...push, ttlSeconds }, makeRecipients(origin, count), unaborted)
  expect(tally(await send('loud', 1, 1))).toEqual({ retry: 1 })
  expect(await send('loud', 1)).toMatchObject([{ kind: 'deferred', afterSeconds: 90 }])
  expect(tally(await send('quiet', 50))).toEqual({ sent: 50 })
  expect(tally(await send('third', 8, 1))).toEqual({ retry: 8 })
  expect(tally(await send('third', 1))).toEqual({ deferred: 1 })
  expect(tally(await send('quiet', 1))).toEqual({ sent: 1 })
})

test('each push says how much of its time to live is left when it is sent', async () => {
  const { channel, clock } = makeChannel({ concurrency: 1 })
  const { origin, received } = await pushService(() => {
    clock.time += 900
    return { status: 201 }
  })
  await channel.send(sender, { ...push, ttlSeconds: 3 }, makeRecipients(origin, 5), unaborted)
  expect(received.map(({ headers }) => headers.ttl)).toEqual(['3', '3', '2', '1', '0'])
})

test('each page waits for one place at a time, and in the name of its app', async () => {
  const order: string[] = []
  const { origin } = await pushService((_, { topic }) => {
    order.push(String(topic))
    return { status: 201 }
  })
  const { channel } = makeChannel({ concurrency: 1 })
  // Few that begin together are encrypted together: all are in line before the first is sent, however busy the machine is.
  const send = (appId: string, topic: string) =>
    channel.send({ ...sender, appId }, { ...push, topic }, makeRecipients(origin, 3), unaborted)
  await Promise.all([send('a', 'page1'), send('a', 'page2'), send('a', 'page3'), send('b', 'other')])
  expect(order).toHaveLength(12)
  expect(order.indexOf('page3')).toBeLessThan(order.lastIndexOf('page1'))
  expect(order.indexOf('other')).toBeLessThan(3)
  // The other app gets every second place, not every fourth.
  expect(order.lastIndexOf('other')).toBeLessThan(8)
})

test('a push service that hangs is stuck: its pages end early, few of its pushes are under way', async () => {
  const hanging = await pushService(() => null)
  const other = await pushService(() => ({ status: 201 }))
  const { channel } = makeChannel({ quietMs: 1_000 })
  const recipients = [...makeRecipients(hanging.origin, 500), ...makeRecipients(other.origin, 500)]
  const page = channel.send(sender, push, recipients, unaborted)
  while (hanging.received.length < probes) await setTimeout(10)
  // Of those that are under way, none ends: what finds no place does not wait for one.
  const single = await channel.send(sender, push, makeRecipients(hanging.origin, 1), unaborted)
  expect(single).toMatchObject([{ kind: 'deferred', afterSeconds: 10 }])
  expect(hanging.received).toHaveLength(probes)
  hanging.stop()
  const outcomes = await page
  expect(tally(outcomes.slice(0, 500))).toEqual({ retry: probes, deferred: 500 - probes })
  expect(tally(outcomes.slice(500))).toEqual({ sent: 500 })
})

test('a push service that is slow has its pages end early, and loses nothing that it has taken', async () => {
  const slow = await pushService(() => ({ status: 201, delayMs: 150 }))
  const { channel } = makeChannel({ concurrency: 10, quietMs: 400, slowMs: 100 })
  const outcomes = await channel.send(sender, push, makeRecipients(slow.origin, 500), unaborted)
  const { sent, deferred } = tally(outcomes)
  expect(sent).toBe(slow.received.length)
  expect(sent! + deferred!).toBe(500)
  expect(sent).toBeLessThan(100)
})

test('a push service that is down is left alone, and probed with a handful until it answers', async () => {
  const down = await pushService(() => null)
  down.stop()
  const { channel, clock } = makeChannel()
  const send = () => channel.send(sender, push, makeRecipients(down.origin, 200), unaborted)
  const first = await send()
  const { retry, deferred } = tally(first)
  expect(retry).toBeGreaterThanOrEqual(failuresBeforePause)
  expect(retry).toBeLessThanOrEqual(failuresBeforePause + probes)
  expect(retry! + deferred!).toBe(200)
  expect(first[199]).toMatchObject({ afterSeconds: 30 })
  expect(tally(await send())).toEqual({ deferred: 200 })
  clock.time += 30_000
  expect(tally(await send())).toEqual({ retry: probes, deferred: 200 - probes })
})

test.each([
  [500, {}],
  [503, { 'retry-after': '0' }],
])('a push service that answers %i to everything is down (%o)', async (status, headers) => {
  let isDown = true
  const { origin, received } = await pushService(() => (isDown ? { status, headers } : { status: 201 }))
  const { channel, clock } = makeChannel()
  const send = () => channel.send(sender, push, makeRecipients(origin, 200), unaborted)
  expect((await send())[199]).toMatchObject({ kind: 'deferred', afterSeconds: 30 })
  expect(received.length).toBeLessThanOrEqual(failuresBeforePause + probes)
  isDown = false
  clock.time += 30_000
  expect(tally(await send())).toEqual({ sent: 200 })
})

test('a connection that is cut is one failure, however many pushes were on it', async () => {
  let cuts = 0
  let answered = 0
  const cutOff = new Set<string>()
  const again = new Set<string>()
  const service = await pushService((path) => {
    if (cuts === 2) return { status: 201 }
    // The first are answered, so that many may be under way; those after them are on what is cut, however busy the
    // machine is. The first time they are all sent again on a new connection, and then on none.
    if (cuts === 0 && answered < 40) {
      answered += 1
      return { status: 201 }
    }
    if (cuts === 0) cutOff.add(path)
    else if (cutOff.has(path)) again.add(path)
    if ((cuts === 0 ? cutOff : again).size === (cuts === 0 ? 60 : 50)) {
      cuts += 1
      service.cut()
    }
    return null
  })
  const { channel } = makeChannel()
  const outcomes = await channel.send(sender, push, makeRecipients(service.origin, 500), unaborted)
  const { sent, retry = 0, deferred = 0 } = tally(outcomes)
  expect(retry).toBeGreaterThan(failuresBeforePause)
  expect(deferred).toBe(0)
  expect(sent! + retry).toBe(500)
})

test('when the page is aborted, what is not finished comes back', async () => {
  const controller = new AbortController()
  let answered = 0
  const { origin } = await pushService(() => {
    answered += 1
    if (answered === 10) {
      controller.abort()
    }
    return answered < 10 ? { status: 201 } : null
  })
  const { channel } = makeChannel({ concurrency: 5 })
  const outcomes = await channel.send(sender, push, makeRecipients(origin, 200), controller.signal)
  const { sent, retry = 0, deferred } = tally(outcomes)
  expect(sent).toBeGreaterThanOrEqual(1)
  expect(sent! + retry + deferred!).toBe(200)
  expect(answered).toBeLessThan(20)
  expect(tally(await channel.send(sender, push, makeRecipients(origin, 3), controller.signal))).toEqual({
    deferred: 3,
  })
})
