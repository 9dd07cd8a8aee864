import { randomBytes } from 'node:crypto'
import type { Http2ServerResponse } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { emitEvents } from '../../src/deliveries/publish-event.ts'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import { acceptNotifications } from '../../src/notifications/accept-notifications.ts'
import { type Api, poll } from '../support/api.ts'
import { makeDatabase, type TestStorage } from '../support/backends.ts'
import { attemptsOf, deliveriesOf, emit, expireLeases } from '../support/database.ts'
import { startCollector } from '../support/otlp.ts'
import { type PushService, startPushService } from '../support/push-service.ts'
import { type Receiver, respond, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const { url, reason } = inject('postgres')
const environment: Record<string, string> = {
  KRAFTER_BOOTSTRAP_API_KEY: `kr_live_${randomBytes(32).toString('base64url')}`,
  KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8',
  // Longer than any answer is kept back here, so that each attempt is the first.
  KRAFTER_DELIVERY_TIMEOUT_MS: '30000',
}
const timeout = 60_000

describe.skipIf(!url)(`several workers${reason ? `: ${reason}` : ''}`, () => {
  let storage: TestStorage
  let accepting: TestService
  let api: Api
  let receiver: Receiver
  let pushService: PushService
  let ca: string
  let workers: ServiceProcess[]
  let collector: Awaited<ReturnType<typeof startCollector>>

  beforeAll(async () => {
    storage = await makeDatabase()
    ;[{ ca }, receiver, pushService, collector] = await Promise.all([
      makeCertificates(),
      startReceiver(),
      startPushService(),
      startCollector(),
    ])
    environment.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
    accepting = await startTestService(storage, environment, ['api'])
    api = accepting.api
    workers = await Promise.all([startWorker(), startWorker()])
    await untilShared()
  })
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
    await Promise.all([accepting.stop(), receiver.stop(), pushService.stop()])
    await collector.stop()
    await storage.drop()
  })
  beforeEach(() => {
    receiver.answer = respond(204)
    pushService.answer = (_, response) => void response.writeHead(201).end()
  })

  const startWorker = () =>
    startServiceProcess({ ...environment, ...storage.env }, { ca, args: ['--role', 'worker'] })
  const db = () => accepting.service.deps.db
  /** Half of the lanes each. */
  const untilShared = () =>
    poll(
      async () => {
        const { rows } = await sql<{ count: number }>`
          select count(*)::int as count from lane_leases where owner is not null and expires_at > now()
          group by owner`.execute(db())
        return rows.map(({ count }) => count)
      },
      (counts) => counts.length === 2 && counts.every((count) => count === 32),
      timeout,
    )
  const makeApp = async (): Promise<string> => (await api.post('/push/apps', { name: 'Shop' })).body.data.id
  /** Webhooks of an app, each at a path of its own: some of each worker's. */
  const makeWebhooks = (appId: string, count: number, fields: object = {}) =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const path = `/${appId}/${Object.keys(fields).join()}${index}`
        const { body } = await api.post(`/push/apps/${appId}/webhooks`, {
          url: receiver.origin + path,
          events: ['notification.sent'],
          ...fields,
        })
        return { id: body.data.id as string, path, events: () => eventsAt(path) }
      }),
    )
  const eventsAt = (path: string): string[] =>
    receiver.to(path).flatMap(({ body }) => {
      const parsed = JSON.parse(body.toString())
      return (Array.isArray(parsed) ? parsed : [parsed]).map(({ id }) => id)
    })
  const untilEnded = (webhooks: readonly { id: string }[], each: number, timeoutMs?: number) =>
    poll(
      async () => (await Promise.all(webhooks.map(({ id }) => deliveriesOf(db(), id)))).flat(),
      (all) => all.length === webhooks.length * each && all.every(({ status }) => status === 'succeeded'),
      timeoutMs,
    )
  /** How often the events of a webhook began again with an earlier one. Each time, all later ones followed in order. */
  const countRestarts = (events: readonly string[]): number => {
    const inOrder = [...new Set(events)].sort()
    const places = events.map((id) => inOrder.indexOf(id))
    const restarts = places.filter((place, index) => index > 0 && place <= places[index - 1]!)
    const skips = places.filter((place, index) => place > (places[index - 1] ?? -1) + 1)
    expect(skips).toEqual([])
    return restarts.length
  }

  /** Peers that keep their answers back until `release`; what comes after that is answered at once. */
  const holdAnswers = () => {
    const held: Http2ServerResponse[] = []
    let released = false
    const answer = (response: Http2ServerResponse) => {
      if (released) response.writeHead(201).end()
      else held.push(response)
    }
    receiver.answer = (_, response) => answer(response)
    pushService.answer = (_, response) => answer(response)
    return {
      held,
      answerOthers: () => {
        released = true
      },
      release: () => {
        released = true
        for (const response of held) response.writeHead(201).end()
      },
    }
  }

  test('write one trace of a notification, whichever process does a step', async () => {
    const appId = await makeApp()
    const webhooks = await makeWebhooks(appId, 16)
    const { body } = await api.post(`/push/apps/${appId}/notifications`, { title: 'traced' })
    await untilEnded(webhooks, 1)
    // Accepting, resolving, and a delivery each: nobody is there to send to.
    const spans = await poll(
      async () => collector.spansOf(body.data.id.replaceAll('-', '')),
      (found) => found.length === 18,
    )
    const accept = spans.find(({ name }) => name === 'accept')!
    const others = spans.filter((span) => span !== accept)
    expect(new Set(others.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([accept.spanId]))
    const delivering = new Set(spans.filter(({ name }) => name === 'deliver').map(({ instance }) => instance))
    expect(delivering.size).toBe(2)
    expect(delivering).not.toContain(accept.instance)
  })

  test('keep the limits of a webhook together', async () => {
    const appId = await makeApp()
    const [rated, narrow, batched, ordered, both] = await Promise.all([
      makeWebhooks(appId, 4, { rate_limit: 40 }),
      makeWebhooks(appId, 4, { max_in_flight: 2 }),
      makeWebhooks(appId, 4, { batch: { max_events: 5, max_wait_ms: 400 } }),
      makeWebhooks(appId, 2, { ordered: true }),
      makeWebhooks(appId, 2, { ordered: true, rate_limit: 40 }),
    ])
    rated.push(...both)
    ordered.push(...both)
    const underWay = new Map<string, number>()
    const most = new Map<string, number>()
    receiver.answer = ({ path }, response) => {
      underWay.set(path, (underWay.get(path) ?? 0) + 1)
      most.set(path, Math.max(most.get(path) ?? 0, underWay.get(path)!))
      setTimeout(() => {
        underWay.set(path, underWay.get(path)! - 1)
        response.writeHead(204).end()
      }, 20)
    }
    const emittedAt = Date.now()
    await emit(accepting.service, appId, 62)
    await untilEnded([...rated, ...narrow, ...batched, ...ordered], 62, timeout)

    for (const { path, events } of [...rated, ...narrow, ...batched, ...ordered]) {
      expect(events(), path).toHaveLength(62)
      expect(new Set(events()).size).toBe(62)
    }
    for (const { id } of rated) {
      const times = (await attemptsOf(db(), id)).map(({ started_at }) => started_at.getTime())
      // A tenth of a second's worth, four, goes at once. Twice the rate would take 0.7 s.
      expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(((62 - 1 - 4) / 40) * 1_000 - 450)
    }
    for (const { path } of narrow) expect(most.get(path)).toBe(2)
    for (const { path, events } of ordered) {
      expect(most.get(path)).toBe(1)
      expect(events()).toEqual([...events()].sort())
    }
    for (const { path } of batched) {
      const batches = receiver
        .to(path)
        .map(({ headers, at }) => ({ size: Number(headers['x-krafter-batch']), at }))
      expect(batches.length).toBeLessThan(62 / 3)
      for (const { size, at } of batches) {
        expect(size).toBeLessThanOrEqual(5)
        if (size < 5) expect(at - emittedAt).toBeGreaterThanOrEqual(400)
      }
    }
  })

  test('do not sleep through what a transaction that was open for long has made', async () => {
    const appId = await makeApp()
    const [webhook] = await makeWebhooks(appId, 1)
    const device = pushService.makeDevice(`${appId}-late`)
    await api.post(`/push/apps/${appId}/subscribers`, device.registration)
    const post = (title: string) => api.post(`/push/apps/${appId}/notifications`, { title })
    await post('First')
    await untilEnded([webhook!], 1)
    const { content } = await db()
      .selectFrom('notifications')
      .select('content')
      .where('app_id', '=', appId)
      .executeTakeFirstOrThrow()
    const { promise: committing, resolve: commit } = Promise.withResolvers<void>()
    const { promise: inserted, resolve: tell } = Promise.withResolvers<void>()
    const late = { app: { id: appId, settings: {} }, title: 'Late', content, targeting: undefined }
    const open = db()
      .transaction()
      .execute(async (trx) => {
        const occurredAt = new Date()
        await emitEvents(trx, [{ appId, type: 'notification.sent', data: {} as never, occurredAt }])
        await acceptNotifications(trx, accepting.service.deps, [{ ...late, priority: 'normal' }])
        tell()
        await committing
      })
    await inserted
    // The lanes work on others meanwhile, and go idle.
    await post('Others')
    await untilEnded([webhook!], 2)
    await sleep(300)
    commit()
    await open
    const committedAt = Date.now()
    await untilEnded([webhook!], 4)
    expect(pushService.pushes.filter((push) => push.device === device)).toHaveLength(3)
    // All lanes are looked through every 30 seconds.
    expect(Date.now() - committedAt).toBeLessThan(20_000)
  })

  test('one that was stopped and continues after its lanes were taken counts nothing twice', async () => {
    const appIds = await Promise.all(Array.from({ length: 6 }, makeApp))
    // So many that each process has some of them.
    const webhooks = (await Promise.all(appIds.map((appId) => makeWebhooks(appId, 2)))).flat()
    const inOrder = await Promise.all(appIds.map((appId) => makeWebhooks(appId, 1, { ordered: true })))
    const devices = appIds.map((appId) => pushService.makeDevice(appId))
    for (const [index, appId] of appIds.entries()) {
      await api.post(`/push/apps/${appId}/subscribers`, devices[index]!.registration)
    }
    const { held, answerOthers, release } = holdAnswers()
    const { answer: hold } = receiver
    // The first one is answered: its lane knows then how quickly that goes, and reads ahead.
    const firsts = new Set(inOrder.flat().map(({ path }) => path))
    receiver.answer = (request, response) =>
      firsts.delete(request.path) ? respond(204)(request, response) : hold(request, response)
    for (const appId of appIds) await emit(accepting.service, appId, 3, 'notification.sent')
    const paths = await Promise.all(
      appIds.map(async (appId) => {
        const { body } = await api.post(`/push/apps/${appId}/notifications`, { title: 'News' })
        return `/push/apps/${appId}/notifications/${body.data.id}`
      }),
    )
    // Until all of them are under way, of each ordered webhook the second one: a process that is stopped in a transaction
    // keeps its locks for ten seconds.
    await poll(
      async () => held.length,
      (count) => count === 12 * 3 + 6 + 6,
    )
    await poll(
      () => Promise.all(inOrder.flat().map(({ id }) => attemptsOf(db(), id))),
      (recorded) => recorded.every((attempts) => attempts.length === 1),
    )
    const [stopped, other] = workers as [ServiceProcess, ServiceProcess]
    const before = other.output.stdout.length
    stopped.send('SIGSTOP')
    answerOthers()
    await expireLeases(db())
    await poll(
      async () => other.output.stdout.slice(before),
      (log) => log.includes('"owned":64'),
      timeout,
    )
    release()
    await untilEnded([...webhooks, ...inOrder.flat()], 4, timeout)
    stopped.send('SIGCONT')
    await poll(
      async () => stopped.output.stdout,
      (log) => log.includes('delivery.attempts_lapsed') && log.includes('lanes.lost'),
      timeout,
    )
    const notifications = await Promise.all(paths.map((path) => api.get(path)))
    for (const { status, stats } of notifications.map(({ body }) => body.data)) {
      expect({ status, stats }).toMatchObject({ status: 'sent', stats: { sent_count: 1, total_count: 1 } })
    }
    for (const { id } of webhooks) {
      expect(await deliveriesOf(db(), id)).toMatchObject(Array(4).fill({ attempt_count: 1 }))
      expect(await attemptsOf(db(), id)).toHaveLength(4)
    }
    for (const { id, events } of inOrder.flat()) {
      expect(await attemptsOf(db(), id)).toHaveLength(4)
      // The stopped process did not go on with those that it had read.
      expect(countRestarts(events())).toBeLessThanOrEqual(1)
    }
    const { rows } = await sql`select id from webhooks where failure_count <> 0`.execute(db())
    expect(rows).toEqual([])
    await untilShared()
  })

  test('one that is killed is replaced when its leases lapse, one that is told to stop at once', async () => {
    const appId = await makeApp()
    const webhooks = await makeWebhooks(appId, 6)
    const orderedAppId = await makeApp()
    const inOrder = await makeWebhooks(orderedAppId, 6, { ordered: true })
    const emitInOrder = async (count: number) => {
      const counts = inOrder.map(({ events }) => events().length)
      await emit(accepting.service, orderedAppId, count)
      await poll(
        async () => inOrder.map(({ events }, index) => events().length - counts[index]!),
        (came) => came.every((count) => count >= 20),
      )
    }
    const [killed, other] = workers as [ServiceProcess, ServiceProcess]
    await emitInOrder(200)
    await killed.end('SIGKILL')
    await emit(accepting.service, appId)
    await expireLeases(db())
    await untilEnded(webhooks, 1)
    await untilEnded(inOrder, 200, timeout)
    for (const { events } of inOrder) expect(countRestarts(events())).toBeLessThanOrEqual(1)

    workers = [await startWorker(), other]
    await untilShared()
    const counts = inOrder.map(({ events }) => events().length)
    await emitInOrder(100)
    const ended = other.end('SIGTERM')
    const toldAt = Date.now()
    await emit(accepting.service, appId)
    await untilEnded(webhooks, 2)
    // Leases that nobody gives back lapse after ten seconds.
    expect(Date.now() - toldAt).toBeLessThan(8_000)
    expect(await ended).toEqual({ code: 0, signal: null })
    await untilEnded(inOrder, 300)
    for (const [index, { events }] of inOrder.entries()) {
      expect(countRestarts(events().slice(counts[index]))).toBe(0)
    }
  })
})
