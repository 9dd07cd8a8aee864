import { createHmac } from 'node:crypto'
import type { Http2ServerResponse } from 'node:http2'
import type { Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import pg from 'pg'
import { generate } from 'selfsigned'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Db } from '../../src/platform/db/db.ts'
import { firstIdOf } from '../../src/platform/ids.ts'
import { version } from '../../src/version.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { attemptsOf, deliveriesOf, emit, makeDeliveriesDue, waitingDeliveries } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { type RawServer, startRawTlsServer, startTcpServer } from '../support/raw-server.ts'
import { type Received, type Receiver, respond, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { recordStatements } from '../support/statements.ts'

const standardSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const plainSecret = 'ein Geheimnis für Empfänger'
const schedule = [0.05, 0.15, 0.25, 0.35]
const deliveryTimeoutMs = 2_000
/** How late a job that is due may start on a busy machine: less than what a hanging webhook would cost the others. */
const latenessMs = 15_000
const gibibyte = 2 ** 30
const mebibyte = 2 ** 20

describeOnEachBackend('delivery', (make) => {
  let running: TestService
  let receiver: Receiver
  let db: Db

  beforeAll(async () => {
    const env = {
      KRAFTER_RETRY_SCHEDULE: schedule.join(),
      KRAFTER_DELIVERY_TIMEOUT_MS: String(deliveryTimeoutMs),
    }
    ;[running, receiver] = await Promise.all([
      startTestService(await make(), env, undefined, { random: () => 0.5 }),
      startReceiver(),
    ])
    db = running.service.deps.db
  })

  afterAll(async () => {
    await running.end()
    await receiver.stop()
  })

  const makeApp = async (): Promise<string> =>
    (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id

  /** A webhook for `notification.sent`, deleted when the test is over, so that it leaves nothing to do behind. */
  const makeWebhook = async (appId: string, url: string, fields: object = {}): Promise<string> => {
    const made = await running.api.post(`/push/apps/${appId}/webhooks`, {
      url,
      events: ['notification.sent'],
      ...fields,
    })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    onTestFinished(async () => {
      await running.api.delete(`/push/apps/${appId}/webhooks/${made.body.data.id}`)
    })
    return made.body.data.id
  }
  const at = (path: string) => `${receiver.origin}${path}`
  const readWebhook = async (appId: string, id: string) =>
    (await running.api.get(`/push/apps/${appId}/webhooks/${id}`)).body.data
  const changeWebhook = async (appId: string, id: string, change: object) => {
    expect((await running.api.patch(`/push/apps/${appId}/webhooks/${id}`, change)).status).toBe(200)
  }
  const answerAt = (path: string, answer: Receiver['answer']) => {
    const before = receiver.answer
    receiver.answer = (request, response) => (request.path === path ? answer : before)(request, response)
  }
  const countEnded = async (webhookId: string) => {
    const { count } = await db
      .selectFrom('deliveries')
      .select(({ fn }) => fn.countAll().as('count'))
      .where('webhook_id', '=', webhookId)
      .where('status', '<>', 'pending')
      .executeTakeFirstOrThrow()
    return Number(count)
  }
  /** Waits until `count` deliveries of the webhook have ended, and returns them all. */
  const ended = async (webhookId: string, count = 1) => {
    await poll(
      () => countEnded(webhookId),
      (found) => found === count,
    )
    return deliveriesOf(db, webhookId)
  }
  /** The same, with nothing waiting for its time meanwhile. */
  const endedOnceDue = async (webhookId: string, count: number) => {
    await poll(
      async () => {
        await makeDeliveriesDue(db)
        return countEnded(webhookId)
      },
      (found) => found === count,
    )
    return deliveriesOf(db, webhookId)
  }
  /** Waits until `count` attempts of the webhook are recorded, and returns them. */
  const attempted = (webhookId: string, count = 1) =>
    poll(
      () => attemptsOf(db, webhookId),
      (attempts) => attempts.length >= count,
    )

  test('carries the headers of the contract on each attempt, and the same bytes', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/headers'), { secret: standardSecret })
    const statuses = [500, 404, 503, 400, 200]
    answerAt('/headers', (_, response) => response.writeHead(statuses.shift()!).end())
    const notification = await running.api.post(`/push/apps/${appId}/notifications`, {
      title: 'Größe „XL“ 🧦 </script>',
    })
    const requests = await receiver.waitFor(5, '/headers')
    await ended(webhookId)

    const event = JSON.parse(requests[0]!.body.toString())
    const notificationId = notification.body.data.id
    expect(requests[0]!.body.toString()).toBe(
      `{"id":"${event.id}","event":"notification.sent","timestamp":"${event.timestamp}","data":{` +
        `"notification_id":"${notificationId}","app_id":"${appId}","title":"Größe „XL“ 🧦 </script>",` +
        '"sent_count":0,"failed_count":0,"pending_count":0}}',
    )
    expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
    expect(event.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    for (const request of requests) {
      expect(request.method).toBe('POST')
      expect(request.body).toEqual(requests[0]!.body)
      expectHeaders(request, event.id, standardSecret)
      expect(
        new Webhook(standardSecret).verify(request.body, request.headers as Record<string, string>),
      ).toEqual(event)
    }
    const attemptIds = requests.map(({ headers }) => headers['x-krafter-webhook-id'])
    expect(new Set(attemptIds).size).toBe(5)

    const attempts = await attemptsOf(db, webhookId)
    expect(attempts.map(({ id }) => id)).toEqual(attemptIds)
    expect(attempts.map(({ number, response_status, error }) => [number, response_status, error])).toEqual([
      [1, 500, 'status'],
      [2, 404, 'status'],
      [3, 503, 'status'],
      [4, 400, 'status'],
      [5, 200, null],
    ])
    expect(await deliveriesOf(db, webhookId)).toMatchObject([
      { status: 'succeeded', attempt_count: 5, next_attempt_at: null, finished_at: expect.any(Date) },
    ])
  })

  test('signs with the secret as text when it is no Standard Webhooks key, and not at all without one', async () => {
    const appId = await makeApp()
    await makeWebhook(appId, at('/plain'), { secret: plainSecret })
    await makeWebhook(appId, at('/unsigned'))
    await makeWebhook(appId, at('/empty'), { secret: '' })
    await emit(running.service, appId)

    const [plain] = await receiver.waitFor(1, '/plain')
    const { id } = JSON.parse(plain!.body.toString())
    expectHeaders(plain!, id, plainSecret)
    const judge = new Webhook(Buffer.from(plainSecret), { format: 'raw' })
    expect(judge.verify(plain!.body, plain!.headers as Record<string, string>)).toMatchObject({ id })

    for (const path of ['/unsigned', '/empty']) {
      const [unsigned] = await receiver.waitFor(1, path)
      expect(unsigned!.body).toEqual(plain!.body)
      expectHeaders(unsigned!, id, null)
    }
  })

  test('makes five attempts at the times of the schedule, and has failed then', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/down'))
    answerAt('/down', respond(500, {}, 'Sorry\0!'))
    await emit(running.service, appId)
    const [first] = await attempted(webhookId)
    const [pending] = await deliveriesOf(db, webhookId)
    if (pending!.attempt_count === 1) {
      expect(pending).toMatchObject({ status: 'pending', finished_at: null })
      const waitMs = pending!.next_attempt_at!.getTime() - first!.started_at.getTime() - first!.duration_ms
      expect(waitMs).toBeGreaterThanOrEqual(50)
      expect(waitMs).toBeLessThanOrEqual(55)
    }
    expect(await ended(webhookId)).toMatchObject([
      { status: 'failed', attempt_count: 5, next_attempt_at: null, finished_at: expect.any(Date) },
    ])
    expect(await attemptsOf(db, webhookId)).toMatchObject(
      [1, 2, 3, 4, 5].map((number) => ({
        number,
        response_status: 500,
        error: 'status',
        response_body: 'Sorry\uFFFD!',
      })),
    )
    const times = receiver.to('/down').map((request) => request.at)
    for (const [index, seconds] of schedule.entries()) {
      const waitMs = times[index + 1]! - times[index]!
      expect(waitMs).toBeGreaterThanOrEqual(seconds * 1_000)
      expect(waitMs).toBeLessThan(seconds * 1_000 + latenessMs)
    }
    expect(times).toHaveLength(5)
    const [delivery] = await deliveriesOf(db, webhookId)
    expect((await waitingDeliveries(db)).map(({ id }) => id)).not.toContain(delivery!.id)
  })

  test('takes every 2xx for success and nothing else, and follows no redirect', async () => {
    const appId = await makeApp()
    const successes = [200, 201, 202, 204, 206, 299]
    const failures = [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 429, 500, 502, 599]
    const webhookIds = new Map<number, string>()
    for (const status of [...successes, ...failures]) {
      const path = `/status/${status}`
      webhookIds.set(status, await makeWebhook(appId, at(path)))
      answerAt(path, respond(status, { location: at('/elsewhere') }))
    }
    await emit(running.service, appId)
    for (const status of successes) {
      expect(await ended(webhookIds.get(status)!)).toMatchObject([{ status: 'succeeded', attempt_count: 1 }])
    }
    for (const status of failures) {
      expect(await ended(webhookIds.get(status)!)).toMatchObject([{ status: 'failed', attempt_count: 5 }])
      const attempts = await attemptsOf(db, webhookIds.get(status)!)
      expect(attempts).toMatchObject(Array(5).fill({ response_status: status, error: 'status' }))
    }
    expect(receiver.to('/elsewhere')).toEqual([])
  })

  test('waits as long as Retry-After asks on 429 and 503, up to an hour', async () => {
    const appId = await makeApp()
    const cases = [
      { status: 429, retryAfter: '90', fromSeconds: 90, toSeconds: 90 },
      { status: 503, retryAfter: '90', fromSeconds: 90, toSeconds: 90 },
      {
        status: 503,
        retryAfter: new Date(Date.now() + 300_000).toUTCString(),
        fromSeconds: 285,
        toSeconds: 300,
      },
      { status: 429, retryAfter: '7200', fromSeconds: 3_600, toSeconds: 3_600 },
      { status: 503, retryAfter: '999999999999', fromSeconds: 3_600, toSeconds: 3_600 },
    ]
    const webhookIds: string[] = []
    for (const [index, { status, retryAfter }] of cases.entries()) {
      const path = `/retry-after/${index}`
      webhookIds.push(await makeWebhook(appId, at(path)))
      answerAt(path, respond(status, { 'retry-after': retryAfter }))
    }
    await emit(running.service, appId)
    for (const [index, { fromSeconds, toSeconds }] of cases.entries()) {
      const [attempt] = await attempted(webhookIds[index]!)
      const [delivery] = await deliveriesOf(db, webhookIds[index]!)
      const endedAt = attempt!.started_at.getTime() + attempt!.duration_ms
      const waitSeconds = (delivery!.next_attempt_at!.getTime() - endedAt) / 1_000
      expect(waitSeconds).toBeGreaterThanOrEqual(fromSeconds)
      expect(waitSeconds).toBeLessThanOrEqual(toSeconds)
      const waiting = (await waitingDeliveries(db)).find(({ id }) => id === delivery!.id)
      expect(waiting!.waitSeconds).toBeGreaterThan(fromSeconds - latenessMs / 1_000)
      expect(waiting!.waitSeconds).toBeLessThanOrEqual(toSeconds)
      expect(receiver.to(`/retry-after/${index}`)).toHaveLength(1)
    }
    await makeDeliveriesDue(db)
    await receiver.waitFor(2, '/retry-after/0')
  })

  test('keeps to the schedule when Retry-After is shorter, makes no sense or comes with another status', async () => {
    const appId = await makeApp()
    const cases = [
      { status: 429, retryAfter: '0' },
      { status: 503, retryAfter: 'Sat, 01 Jan 2000 00:00:00 GMT' },
      { status: 429, retryAfter: 'soon' },
      { status: 503, retryAfter: '-60' },
      { status: 500, retryAfter: '60' },
      { status: 302, retryAfter: '60' },
      { status: 413, retryAfter: '60' },
    ]
    const webhookIds: string[] = []
    for (const [index, { status, retryAfter }] of cases.entries()) {
      webhookIds.push(await makeWebhook(appId, at(`/no-wait/${index}`)))
      answerAt(`/no-wait/${index}`, respond(status, { 'retry-after': retryAfter }))
    }
    await emit(running.service, appId)
    for (const webhookId of webhookIds) {
      expect(await ended(webhookId)).toMatchObject([{ status: 'failed', attempt_count: 5 }])
    }
  })

  test('records in a word why no answer came, one deadline holding for the whole exchange', async () => {
    const appId = await makeApp()
    const servers: RawServer[] = []
    const raw = async (start: Promise<RawServer>): Promise<string> => {
      const server = await start
      servers.push(server)
      return `https://127.0.0.1:${server.port}/`
    }
    onTestFinished(async () => {
      await Promise.all(servers.map((server) => server.stop()))
    })
    const stranger = await generate([{ name: 'commonName', value: '127.0.0.1' }], { keyType: 'ec' })
    answerAt('/drip', (_, response) => drip(response.writeHead(200), 'drop'))
    answerAt('/hang', () => {})
    const urls = {
      refused: await closedPort(),
      untrusted: await raw(startRawTlsServer(() => {}, { key: stranger.private, cert: stranger.cert })),
      // A label of 64 characters: no resolver takes it, and none has to be there.
      unresolved: `https://${'a'.repeat(64)}.example/`,
      plaintext: await raw(startTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
      closed: await raw(startRawTlsServer((socket) => socket.once('data', () => socket.destroy()))),
      garbage: await raw(
        startRawTlsServer((socket) => socket.once('data', () => socket.write('220 hello\r\n'))),
      ),
      noHandshake: await raw(startTcpServer(() => {})),
      hang: at('/hang'),
      slowHeaders: await raw(
        startRawTlsServer((socket) => socket.once('data', () => drip(socket, 'HTTP/1.1 200 OK\r\nx-slow: '))),
      ),
      slowBody: await raw(
        startRawTlsServer((socket) =>
          socket.once('data', () => drip(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n')),
        ),
      ),
      slowBodyHttp2: at('/drip'),
    }
    const expected: Record<keyof typeof urls, string> = {
      refused: 'connect',
      untrusted: 'tls',
      unresolved: 'dns',
      plaintext: 'tls',
      closed: 'connect',
      garbage: 'protocol',
      noHandshake: 'timeout',
      hang: 'timeout',
      slowHeaders: 'timeout',
      slowBody: 'timeout',
      slowBodyHttp2: 'timeout',
    }
    const webhookIds: Record<string, string> = {}
    for (const [name, url] of Object.entries(urls)) webhookIds[name] = await makeWebhook(appId, url)
    await emit(running.service, appId)

    const recorded: Record<string, string | null> = {}
    const reasons: Record<string, string | null> = {}
    for (const [name, webhookId] of Object.entries(webhookIds)) {
      const [attempt] = await attempted(webhookId)
      recorded[name] = attempt!.error
      reasons[name] = attempt!.reason
      expect(attempt, name).toMatchObject({ number: 1, response_status: null, response_body: null })
      if (attempt!.error !== 'timeout') continue
      expect(attempt!.duration_ms, name).toBeGreaterThanOrEqual(deliveryTimeoutMs - 10)
      expect(attempt!.duration_ms, name).toBeLessThan(deliveryTimeoutMs + latenessMs)
    }
    expect(recorded).toEqual(expected)
    expect(reasons).toMatchObject({
      refused: 'the connection was refused',
      untrusted: expect.stringMatching(/unknown authority|self-signed/),
      unresolved: 'the host name cannot be resolved',
      plaintext: 'the receiver does not speak TLS on this port',
      closed: 'the connection was closed before the answer was complete',
      garbage: 'the answer is not valid HTTP',
      noHandshake: 'no connection could be made in time',
      hang: 'no complete answer came in time',
    })
    const shown = running.logs.filter(({ msg, reason }) => msg === 'delivery.attempted' && reason)
    expect(new Set(shown.map(({ reason }) => reason))).toEqual(new Set(Object.values(reasons)))
  })

  test('reads 1 KiB of an answer at most, whatever its length, and decompresses nothing', async () => {
    const appId = await makeApp()
    const written = { http1: 0, http2: 0 }
    const server = await startRawTlsServer((socket) =>
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${gibibyte}\r\n\r\n`)
        flood(socket, (total) => {
          written.http1 = total
        })
      }),
    )
    onTestFinished(() => server.stop())
    answerAt('/flood', (_, response) => {
      flood(response.writeHead(200), (total) => {
        written.http2 = total
      })
    })
    const bomb = gzipSync(Buffer.alloc(64 * mebibyte), { level: 9 })
    answerAt('/bomb', (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' }).end(bomb)
    })
    const floods = [
      await makeWebhook(appId, `https://127.0.0.1:${server.port}/`),
      await makeWebhook(appId, at('/flood')),
    ]
    const bombed = await makeWebhook(appId, at('/bomb'))
    await emit(running.service, appId)
    for (const webhookId of floods) {
      expect(await ended(webhookId)).toMatchObject([{ status: 'succeeded', attempt_count: 1 }])
      expect(await attemptsOf(db, webhookId)).toMatchObject([{ response_body: 'x'.repeat(1_024) }])
    }
    // What TLS, the flow control windows and the kernel had room for, of a gibibyte.
    expect(written.http1).toBeLessThan(32 * mebibyte)
    expect(written.http2).toBeLessThan(8 * mebibyte)

    expect(await ended(bombed)).toMatchObject([{ status: 'succeeded' }])
    const [attempt] = await attemptsOf(db, bombed)
    expect(attempt!.response_body!.slice(0, 3)).toBe('\x1f\uFFFD\b')
    expect(attempt!.response_body!.length).toBeLessThanOrEqual(1_024)
  })

  test('counts failed attempts until any 2xx, and disables nobody for a short streak', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/flaky'))
    let status = 500
    answerAt('/flaky', (_, response) => response.writeHead(status).end())
    await emit(running.service, appId, 3)
    await ended(webhookId, 3)
    const webhook = await readWebhook(appId, webhookId)
    expect(webhook).toMatchObject({
      enabled: true,
      failure_count: 15,
      disabled_at: null,
      disabled_reason: null,
    })
    status = 299
    await emit(running.service, appId)
    await ended(webhookId, 4)
    expect(await readWebhook(appId, webhookId)).toMatchObject({ enabled: true, failure_count: 0 })
    status = 500
    await emit(running.service, appId)
    await ended(webhookId, 5)
    expect(await readWebhook(appId, webhookId)).toMatchObject({ enabled: true, failure_count: 5 })
  })

  test('a clock that goes back delays no delivery', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/'))
    running.clock.ahead = 7_200_000
    onTestFinished(() => {
      running.clock.ahead = 0
    })
    // The lanes are looked for by that clock, and nothing is pending.
    await changeWebhook(appId, webhookId, { description: 'from later' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    running.clock.ahead = 0
    await emit(running.service, appId)
    expect(await ended(webhookId)).toMatchObject([{ status: 'succeeded' }])
  })

  test('disables a webhook after ten failures in an hour or more, says why and lets it begin anew', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/broken'))
    answerAt('/broken', respond(500))
    await emit(running.service, appId, 2)
    await ended(webhookId, 2)
    expect(await readWebhook(appId, webhookId)).toMatchObject({ enabled: true, failure_count: 10 })

    running.clock.ahead = 3_601_000
    onTestFinished(() => {
      running.clock.ahead = 0
    })
    await emit(running.service, appId)
    expect(await ended(webhookId, 3)).toMatchObject([
      { status: 'failed' },
      { status: 'failed' },
      { status: 'canceled', attempt_count: 1, next_attempt_at: null },
    ])
    const disabled = await readWebhook(appId, webhookId)
    expect(disabled).toMatchObject({ enabled: false, failure_count: 11 })
    expect(disabled.disabled_reason).toMatch(/^11 attempts in a row failed since \d{4}-/)
    expect(disabled.disabled_at).toMatch(/Z$/)

    await emit(running.service, appId)
    expect(await deliveriesOf(db, webhookId)).toHaveLength(3)
    await changeWebhook(appId, webhookId, { enabled: true })
    expect(await readWebhook(appId, webhookId)).toMatchObject({
      enabled: true,
      failure_count: 0,
      disabled_at: null,
      disabled_reason: null,
    })
    answerAt('/broken', respond(204))
    await emit(running.service, appId)
    expect((await ended(webhookId, 4)).at(-1)).toMatchObject({ status: 'succeeded' })
  })

  test('disables a webhook at once when its receiver is gone', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/gone'))
    answerAt('/gone', respond(410))
    await emit(running.service, appId)
    expect(await ended(webhookId)).toMatchObject([{ status: 'failed', attempt_count: 1 }])
    expect(await readWebhook(appId, webhookId)).toMatchObject({
      enabled: false,
      failure_count: 1,
      disabled_reason: 'the receiver answered 410 Gone',
    })
    await emit(running.service, appId)
    expect(await deliveriesOf(db, webhookId)).toHaveLength(1)
    expect(receiver.to('/gone')).toHaveLength(1)
  })

  test('an attempt at a former URL, or from before a webhook was disabled, says nothing about it', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/former'))
    const answerLate = async (path: string, status: number, change: () => Promise<unknown>) => {
      const { promise: held, resolve } = Promise.withResolvers<Http2ServerResponse>()
      answerAt(path, (_, response) => resolve(response))
      await emit(running.service, appId)
      const response = await held
      await change()
      response.writeHead(status).end()
    }
    await answerLate('/former', 410, () => changeWebhook(appId, webhookId, { url: at('/current') }))
    await ended(webhookId)
    expect(await readWebhook(appId, webhookId)).toMatchObject({ enabled: true, failure_count: 0 })

    await answerLate('/current', 503, async () => {
      await changeWebhook(appId, webhookId, { enabled: false })
      await changeWebhook(appId, webhookId, { enabled: true })
    })
    await endedOnceDue(webhookId, 2)
    expect(await readWebhook(appId, webhookId)).toMatchObject({ enabled: true, failure_count: 0 })
    expect(receiver.to('/current')).toHaveLength(1)
  })

  test.each([
    ['deleted', (appId: string, id: string) => running.api.delete(`/push/apps/${appId}/webhooks/${id}`), 204],
    [
      'disabled',
      (appId: string, id: string) =>
        running.api.patch(`/push/apps/${appId}/webhooks/${id}`, { enabled: false }),
      200,
    ],
  ])('makes no attempt to a webhook once it is %s', async (name, stop, status) => {
    const appId = await makeApp()
    const path = `/stopped/${name}`
    const webhookId = await makeWebhook(appId, at(path))
    const waiting = await makeWebhook(appId, at(`${path}/waiting`))
    answerAt(`${path}/waiting`, respond(503, { 'retry-after': '60' }))
    // The webhook has as much under way as it may when it is stopped, and more than that waits.
    const held: (() => void)[] = []
    answerAt(path, (request, response) => {
      if (receiver.to(path).length <= 180) response.writeHead(204).end()
      else held.push(() => respond(204)(request, response))
    })
    await emit(running.service, appId, 150)
    await attempted(waiting, 150)
    await emit(running.service, appId, 150)
    await receiver.waitFor(190, path)
    const answers = await Promise.all([stop(appId, webhookId), stop(appId, waiting)])
    const stoppedAt = Date.now()
    answerAt(path, respond(204))
    for (const answer of held) answer()
    expect(answers.map((answer) => answer.status)).toEqual([status, status])

    const deliveries = await endedOnceDue(webhookId, 300)
    expect(new Set(deliveries.map((delivery) => delivery.status))).toEqual(new Set(['succeeded', 'canceled']))
    for (const delivery of await endedOnceDue(waiting, 300)) {
      expect(delivery).toMatchObject({ status: 'canceled', next_attempt_at: null })
    }
    for (const id of [webhookId, waiting]) {
      const late = (await attemptsOf(db, id)).filter((attempt) => attempt.started_at.getTime() > stoppedAt)
      expect(late).toEqual([])
    }
  })

  test('a webhook enabled again gets what happens from then on, and nothing older', async () => {
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, at('/again'))
    answerAt('/again', respond(503, { 'retry-after': '60' }))
    await emit(running.service, appId, 3)
    await attempted(webhookId, 3)
    await changeWebhook(appId, webhookId, { enabled: false })
    await emit(running.service, appId)
    await changeWebhook(appId, webhookId, { enabled: true })
    answerAt('/again', respond(204))
    await emit(running.service, appId, 2)
    await makeDeliveriesDue(db)
    const deliveries = await ended(webhookId, 5)
    expect(deliveries.map((delivery) => delivery.status)).toEqual([
      ...Array(3).fill('canceled'),
      ...Array(2).fill('succeeded'),
    ])
    expect(receiver.to('/again')).toHaveLength(5)
  })

  test('an event goes to the webhooks that are enabled and name it at that moment', async () => {
    const appId = await makeApp()
    const otherApp = await makeApp()
    const make = (path: string, fields: object = {}) => makeWebhook(appId, at(`/moment/${path}`), fields)
    const one = await make('one')
    const two = await make('two', { events: ['subscriber.registered', 'notification.sent'] })
    const later = await make('later', { events: ['notification.clicked'] })
    const nothing = await make('nothing', { events: [] })
    const disabled = await make('disabled', { enabled: false })
    const foreign = await makeWebhook(otherApp, at('/moment/foreign'))

    await emit(running.service, appId)
    await changeWebhook(appId, later, { events: ['notification.sent'] })
    await changeWebhook(appId, disabled, { enabled: true })
    await emit(running.service, appId)
    const expected = { [one]: 2, [two]: 2, [later]: 1, [disabled]: 1, [nothing]: 0, [foreign]: 0 }
    for (const [webhookId, count] of Object.entries(expected)) await ended(webhookId, count)

    const idsAt = (path: string) =>
      receiver.to(`/moment/${path}`).map((request) => request.headers['webhook-id'] as string)
    const ids = idsAt('one').sort()
    expect(idsAt('two').sort()).toEqual(ids)
    expect(idsAt('later')).toEqual([ids[1]])
    expect(idsAt('disabled')).toEqual([ids[1]])
    expect([...idsAt('nothing'), ...idsAt('foreign')]).toEqual([])
  })

  test('a webhook that hangs delays no other, not even one on its host', async () => {
    const other = await startReceiver()
    onTestFinished(() => other.stop())
    other.answer = (request, response) => {
      if (request.path === '/healthy') response.writeHead(204).end()
    }
    const appId = await makeApp()
    const hanging = await makeWebhook(appId, `${other.origin}/hanging`)
    await emit(running.service, appId, 400)
    await attempted(hanging, 8)
    const healthy = [
      await makeWebhook(appId, at('/healthy')),
      await makeWebhook(appId, `${other.origin}/healthy`),
    ]
    const startedAt = Date.now()
    await emit(running.service, appId, 100)
    for (const webhookId of healthy) await ended(webhookId, 100)
    const tookMs = Date.now() - startedAt

    // In turn with the others they would have waited for minutes: every attempt that hangs takes two seconds.
    expect(tookMs).toBeLessThan(deliveryTimeoutMs + latenessMs)
    const untried = (await deliveriesOf(db, hanging)).filter((delivery) => delivery.attempt_count === 0)
    expect(untried.length).toBeGreaterThan(400)

    await changeWebhook(appId, hanging, { enabled: false })
    const deliveries = await endedOnceDue(hanging, 500)
    expect(new Set(deliveries.map((delivery) => delivery.status))).toEqual(new Set(['canceled']))
  })

  test('webhooks whose receivers are down delay no other, and are not put off themselves', async () => {
    const appId = await makeApp()
    const down = [await makeWebhook(appId, await closedPort()), await makeWebhook(appId, await closedPort())]
    await emit(running.service, appId, 100)
    const healthy = await makeWebhook(appId, at('/up'))
    const startedAt = Date.now()
    await emit(running.service, appId, 100)
    await ended(healthy, 100)
    expect(Date.now() - startedAt).toBeLessThan(latenessMs)
    for (const webhookId of down) {
      const deliveries = await ended(webhookId, 200)
      expect(new Set(deliveries.map((delivery) => delivery.attempt_count))).toEqual(new Set([5]))
    }
  })

  test('webhooks that answer just in time delay no other', async () => {
    const slowness = deliveryTimeoutMs * 0.75
    const appId = await makeApp()
    const slow: string[] = []
    for (let count = 0; count < 3; count += 1) {
      const other = await startReceiver()
      onTestFinished(() => other.stop())
      other.answer = (_, response) => {
        setTimeout(() => response.writeHead(204).end(), slowness)
      }
      slow.push(await makeWebhook(appId, `${other.origin}/`))
    }
    await emit(running.service, appId, 400)
    await attempted(slow[0]!)
    const healthy = await makeWebhook(appId, at('/prompt'))
    const startedAt = Date.now()
    await emit(running.service, appId, 100)
    await ended(healthy, 100)
    expect(Date.now() - startedAt).toBeLessThan(deliveryTimeoutMs + latenessMs)
    const pending = (await deliveriesOf(db, slow[0]!)).filter((delivery) => delivery.status === 'pending')
    expect(pending.length).toBeGreaterThan(0)
  })

  describe('in order', () => {
    /** Requests of a path as they came, and how many were under way at most, in all and for a subscriber. */
    const watchOrder = (path: string, ms: () => number) => {
      const underWay = new Map<string, number>()
      const seen = { most: 0, mostOfOne: 0, came: [] as { subscriber: string; n: number }[] }
      answerAt(path, (request, response) => {
        const { subscriber_id: subscriber, n } = JSON.parse(request.body.toString()).data
        seen.came.push({ subscriber, n })
        underWay.set(subscriber, (underWay.get(subscriber) ?? 0) + 1)
        seen.most = Math.max(
          seen.most,
          underWay.values().reduce((sum, count) => sum + count, 0),
        )
        seen.mostOfOne = Math.max(seen.mostOfOne, ...underWay.values())
        setTimeout(() => {
          underWay.set(subscriber, underWay.get(subscriber)! - 1)
          response.writeHead(204).end()
        }, ms())
      })
      return seen
    }
    const emitOf = (appId: string, subscriber: string, count = 1) =>
      emit(running.service, appId, count, 'notification.sent', { subscriber_id: subscriber })
    const numbersOf = (came: readonly { subscriber: string; n: number }[], subscriber: string) =>
      came.filter((one) => one.subscriber === subscriber).map(({ n }) => n)
    const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

    test('of all or of each subscriber, however they are published, and within the rate', async () => {
      const appId = await makeApp()
      const rate_limit = 100
      const all = await makeWebhook(appId, at('/ordered/all'), { ordered: true })
      const each = await makeWebhook(appId, at('/ordered/each'), { ordered: 'subscriber_id', rate_limit })
      const atAll = watchOrder('/ordered/all', () => Math.random() * 3)
      const atEach = watchOrder('/ordered/each', () => Math.random() * 30)
      const subscribers = ['a', 'b', 'c', 'd']
      const startedAt = Date.now()
      await Promise.all(
        subscribers.map(async (subscriber) => {
          for (let n = 0; n < 6; n++) await emitOf(appId, subscriber, 3)
        }),
      )
      for (const webhookId of [all, each]) await ended(webhookId, 72)
      // The receiver has the first attempts only: none failed.
      expect(atAll.most).toBe(1)
      expect(atEach).toMatchObject({ mostOfOne: 1 })
      expect(atEach.most).toBeGreaterThan(1)
      for (const { came } of [atAll, atEach]) {
        for (const subscriber of subscribers) {
          expect(numbersOf(came, subscriber)).toEqual(Array.from({ length: 6 }, () => upTo(3)).flat())
        }
      }
      // A tenth of a second's worth may go at once.
      expect(Date.now() - startedAt).toBeGreaterThan((72 / rate_limit) * 1_000 - 100 - 50)
      for (const [path, webhookId] of [
        ['/ordered/all', all],
        ['/ordered/each', each],
      ] as const) {
        const sent = receiver.to(path).map(({ headers }) => headers['webhook-id'])
        expect(new Set(sent)).toEqual(new Set((await deliveriesOf(db, webhookId)).map((d) => d.event_id)))
      }
    })

    test('one that fails holds back its own subscriber only, until its last attempt', async () => {
      const appId = await makeApp()
      const path = '/ordered/failing'
      const webhookId = await makeWebhook(appId, at(path), {
        ordered: 'subscriber_id',
        retry_schedule: [60, 60],
      })
      const came: { subscriber: string; n: number }[] = []
      answerAt(path, (request, response) => {
        const { subscriber_id: subscriber, n } = JSON.parse(request.body.toString()).data
        came.push({ subscriber, n })
        response.writeHead(subscriber === 'bad' && n === 0 ? 500 : 204).end()
      })
      // More than are looked through at a time.
      await emitOf(appId, 'bad', 135)
      await attempted(webhookId, 1)
      await emitOf(appId, 'good', 5)
      await ended(webhookId, 5)
      await makeDeliveriesDue(db)
      await attempted(webhookId, 7)
      await emitOf(appId, 'better', 5)
      await ended(webhookId, 10)
      expect(numbersOf(came, 'bad')).toEqual([0, 0])
      expect(numbersOf(came, 'good')).toEqual(upTo(5))
      await makeDeliveriesDue(db)
      await ended(webhookId, 145)
      expect(numbersOf(came, 'bad')).toEqual([0, 0, ...upTo(135)])
    })

    test('one that fails: what waits behind it is not read again for others', async ({ skip }) => {
      if (running.service.deps.backend === 'pglite') return skip('it is the same statement')
      const appId = await makeApp()
      const path = '/ordered/passed'
      const webhookId = await makeWebhook(appId, at(path), {
        ordered: 'subscriber_id',
        retry_schedule: [3_600],
      })
      answerAt(path, (request, response) => {
        const { subscriber_id: subscriber } = JSON.parse(request.body.toString()).data
        response.writeHead(subscriber === 'bad' ? 500 : 204).end()
      })
      await emitOf(appId, 'bad', 50)
      await attempted(webhookId, 1)
      // Recent ones are always read: their transactions may commit late.
      const longAgo = firstIdOf(new Date(Date.now() - 600_000))
      await sql`
        update deliveries set id = (left(${longAgo}, 24) || right(id::text, 12))::uuid
        where webhook_id = ${webhookId}`.execute(db)
      const query = vi.spyOn(pg.Client.prototype, 'query')
      onTestFinished(() => void query.mockRestore())
      await poll(
        async () => {
          await emitOf(appId, 'good')
          const reads = query.mock.calls.map(([statement]) => statement as unknown as pg.QueryConfig)
          const texts = reads.flatMap(({ values = [] }) => values.map(String))
          const ofLane = texts.filter((text) => text.includes(`"webhook_id":"${webhookId}"`))
          return ofLane.map((text) => /"first":"([^"]+)"/.exec(text)?.[1])
        },
        (starts) =>
          starts.some((first) => first !== undefined && first > firstIdOf(new Date(Date.now() - 500_000))),
      )
      const { length } = await deliveriesOf(db, webhookId)
      await ended(webhookId, length - 50)
    })

    test('of all: reads many at a time, and sends on before what was sent is recorded', async () => {
      const appId = await makeApp()
      const path = '/ordered/quick'
      const webhookId = await makeWebhook(appId, at(path), { ordered: true })
      const seen = watchOrder(path, () => 0)
      const statements = recordStatements()
      onTestFinished(() => statements.stop())
      let rounds = 0
      /** @returns reads per delivery, without those of the beginning */
      const sendMany = async () => {
        rounds += 1
        await emitOf(appId, 's', 250)
        await receiver.waitFor(250 * rounds - 220, path)
        statements.take()
        const left = 250 * rounds - seen.came.length
        await ended(webhookId, 250 * rounds)
        return statements.take().filter((text) => text.includes('as lane (')).length / left
      }
      // One alone takes a millisecond, and as many are read as take a tenth of a second: few while the machine is busy.
      await poll(sendMany, (readsOfOne) => readsOfOne < 1 / 2)
      const came = Array.from({ length: rounds }, () => upTo(250)).flat()
      expect(seen).toMatchObject({ most: 1, came: came.map((n) => ({ n })) })
    })

    test('one that fails holds back all later ones, until its last attempt', async () => {
      const appId = await makeApp()
      const path = '/ordered/all-failing'
      const webhookId = await makeWebhook(appId, at(path), { ordered: true, retry_schedule: [60, 60] })
      const came: number[] = []
      answerAt(path, (request, response) => {
        const { n } = JSON.parse(request.body.toString()).data
        came.push(n)
        response.writeHead(n === 30 ? 500 : 204).end()
      })
      await emitOf(appId, 's', 60)
      await attempted(webhookId, 31)
      await emitOf(appId, 's', 5)
      await makeDeliveriesDue(db)
      await attempted(webhookId, 32)
      expect(came).toEqual([...upTo(31), 30])
      await makeDeliveriesDue(db)
      await ended(webhookId, 65)
      expect(came).toEqual([...upTo(31), 30, 30, ...upTo(60).slice(31), ...upTo(5)])
    })

    test('another address, another secret and a deletion hold from the very next attempt on', async () => {
      const appId = await makeApp()
      const paths = ['/ordered/before', '/ordered/after']
      const webhookId = await makeWebhook(appId, at(paths[0]!), { ordered: true, secret: standardSecret })
      const came = () => paths.flatMap((path) => receiver.to(path))
      const untilSome = async () => {
        const { length } = came()
        await poll(
          async () => came().length,
          (count) => count > length + 10,
        )
      }
      /** Makes a change while events are sent. @returns when it was answered */
      const change = async (answer: () => Promise<{ status: number }>, status: number) => {
        await untilSome()
        expect((await answer()).status).toBe(status)
        return Date.now()
      }
      const webhook = `/push/apps/${appId}/webhooks/${webhookId}`
      await emitOf(appId, 's', 1_000)
      const movedAt = await change(() => running.api.patch(webhook, { url: at(paths[1]!) }), 200)
      const secret = { secret: plainSecret, overlap_seconds: 0 }
      const rotatedAt = await change(() => running.api.post(`${webhook}/rotate-secret`, secret), 200)
      const deletedAt = await change(() => running.api.delete(webhook), 204)
      const all = await ended(webhookId, 1_000)
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set(['succeeded', 'canceled']))

      const attempts = new Map((await attemptsOf(db, webhookId)).map((attempt) => [attempt.id, attempt]))
      const from = (time: number) =>
        came().filter(
          ({ headers }) =>
            attempts.get(headers['x-krafter-webhook-id'] as string)!.started_at.getTime() > time,
        )
      expect(new Set(from(movedAt).map(({ path }) => path))).toEqual(new Set([paths[1]]))
      expect(from(rotatedAt).length).toBeGreaterThan(0)
      for (const request of from(rotatedAt))
        expectHeaders(request, JSON.parse(request.body.toString()).id, plainSecret)
      expect(from(deletedAt)).toEqual([])
    })

    test('changes with deliveries under way and waiting', async () => {
      const appId = await makeApp()
      const path = '/ordered/changed'
      const webhookId = await makeWebhook(appId, at(path), { retry_schedule: [60] })
      const held: (() => void)[] = []
      answerAt(path, (request, response) => void held.push(() => respond(204)(request, response)))
      await emitOf(appId, 's', 20)
      await receiver.waitFor(8, path)
      await changeWebhook(appId, webhookId, { ordered: 'subscriber_id' })
      await emitOf(appId, 's', 3)
      const seen = watchOrder(path, () => 2)
      for (const answer of held.splice(1)) answer()
      await attempted(webhookId, 7)
      // The one that is still under way is waited for.
      expect(receiver.to(path)).toHaveLength(8)
      held[0]!()
      await ended(webhookId, 23)
      expect(seen.mostOfOne).toBe(1)
      expect(numbersOf(seen.came, 's')).toEqual([...upTo(20).slice(8), 0, 1, 2])

      // What is held back goes once it need not be in order any more.
      answerAt(path, (request, response) => {
        const { n } = JSON.parse(request.body.toString()).data
        response.writeHead(n === 0 ? 503 : 204).end()
      })
      await changeWebhook(appId, webhookId, { ordered: true })
      await emitOf(appId, 's', 4)
      await attempted(webhookId, 24)
      await changeWebhook(appId, webhookId, { ordered: false })
      await ended(webhookId, 26)
    })
  })

  test('connects to no refused address, whatever was stored', async () => {
    const appId = await makeApp()
    const server = await startTcpServer((socket) => socket.destroy())
    onTestFinished(() => server.stop())
    // The first two are ways to reach this very server.
    const hosts = [
      `0.0.0.0:${server.port}`,
      `[::ffff:127.0.0.1]:${server.port}`,
      '169.254.169.254',
      '10.0.0.1',
    ]
    const webhookIds: string[] = []
    for (const host of hosts) {
      const webhookId = await makeWebhook(appId, at('/stored'))
      await db
        .updateTable('webhooks')
        .set({ url: `https://${host}/` })
        .where('id', '=', webhookId)
        .execute()
      webhookIds.push(webhookId)
    }
    await emit(running.service, appId)
    for (const webhookId of webhookIds) {
      await ended(webhookId)
      expect(await attemptsOf(db, webhookId)).toMatchObject(
        Array(5).fill({ response_status: null, error: 'refused_address' }),
      )
    }
    expect(server.connections()).toBe(0)
  })

  test('delivers to a receiver that speaks HTTP/1.1 only', async () => {
    const old = await startReceiver({ http2: false })
    onTestFinished(() => old.stop())
    const appId = await makeApp()
    const webhookId = await makeWebhook(appId, `${old.origin}/old?key=a%20b`, { secret: standardSecret })
    await emit(running.service, appId, 100)
    await ended(webhookId, 100)
    expect(old.to('/old?key=a%20b')).toHaveLength(100)
    for (const request of old.requests) {
      const { id } = JSON.parse(request.body.toString())
      expect(request.headers.host).toBe(new URL(old.origin).host)
      expectHeaders(request, id, standardSecret)
    }
  })
})

/** That a request has the headers of contract section 3, no more of ours, and the signatures of its secret. */
function expectHeaders({ headers, body, at }: Received, eventId: string, secret: string | null): void {
  const ours = Object.keys(headers).filter((name) => /^(x-|webhook-)/.test(name))
  const names = ['webhook-id', 'webhook-timestamp', 'x-krafter-event', 'x-krafter-webhook-id']
  const signatures = secret === null ? [] : ['webhook-signature', 'x-krafter-signature']
  expect(ours.sort()).toEqual([...names, ...signatures].sort())
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(body.length),
    'user-agent': `Krafter-Push/${version}`,
    'webhook-id': eventId,
    'x-krafter-event': 'notification.sent',
  })
  expect(headers['x-krafter-webhook-id']).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  const sentAt = Number(headers['webhook-timestamp']) * 1_000
  expect(Math.abs(at - sentAt)).toBeLessThan(1_000 + latenessMs)
  if (secret === null) return
  const plain = createHmac('sha256', secret).update(body).digest('hex')
  expect(headers['x-krafter-signature']).toBe(`sha256=${plain}`)
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret
  const standard = createHmac('sha256', key)
    .update(`${eventId}.${headers['webhook-timestamp']}.${body}`)
    .digest('base64')
  expect(headers['webhook-signature']).toBe(`v1,${standard}`)
}

/** A URL at which nobody listens. */
async function closedPort(): Promise<string> {
  return `https://127.0.0.1:${await freePort()}/`
}

/** Writes a beginning, and then a byte at a time for as long as somebody listens. */
function drip(stream: Writable, beginning: string): void {
  stream.write(beginning)
  const timer = setInterval(() => stream.write('.'), 100)
  stream.on('close', () => clearInterval(timer))
}

/** Writes a gibibyte as quickly as it is taken. */
function flood(stream: Writable, report: (written: number) => void): void {
  const chunk = Buffer.alloc(65_536, 'x')
  let written = 0
  const writeOn = () => {
    while (written < gibibyte && !stream.destroyed) {
      written += chunk.length
      report(written)
      if (!stream.write(chunk)) return
    }
  }
  stream.on('drain', writeOn)
  writeOn()
}
