import { randomBytes, randomInt } from 'node:crypto'
import type { Http2ServerResponse } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { startDeliveryLanes } from '../../src/deliveries/lane/delivery-lanes.ts'
import { ownAllLanes } from '../../src/engine/lane-ownership.ts'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { createLogger } from '../../src/platform/log.ts'
import { openStorage } from '../../src/storage.ts'
import { type Api, createApi, poll } from '../support/api.ts'
import { describeOnEachBackend, makeDatabase, type TestStorage } from '../support/backends.ts'
import {
  attemptsOf,
  deliveriesOf,
  emit,
  expireLeases,
  insertDevices,
  waitingDeliveries,
} from '../support/database.ts'
import { type Device, type PushService, startPushService } from '../support/push-service.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService } from '../support/service.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const key = `kr_live_${randomBytes(32).toString('base64url')}`
const environment = {
  KRAFTER_BOOTSTRAP_API_KEY: key,
  KRAFTER_ALLOW_NETWORKS: '127.0.0.0/8',
  KRAFTER_RATE_LIMIT_DEFAULT: '0',
  KRAFTER_RATE_LIMIT_STRICT: '0',
  KRAFTER_RATE_LIMIT_PUBLIC: '0',
  KRAFTER_RETRY_SCHEDULE: '0.1,0.1,0.1,0.1',
}
/** For what has to wait for a process to start, or for the queue's upkeep, on a busy machine. */
const longMs = 60_000

/** An app with subscribers, a notification and events accepted, nothing of which has been worked on. */
interface Work {
  appId: string
  webhookId: string
  devices: Device[]
  notificationPath: string
  /** Of the events beside `notification.sent`. */
  eventIds: string[]
  total: { subscribers: number; events: number }
}

/** What is there to do, and the processes and peers that do it. */
interface Stage {
  storage: TestStorage
  pushService: PushService
  receiver: Receiver
  prepare(total: Work['total']): Promise<Work>
  start(roles?: string): Promise<ServiceProcess>
  /** Opens the database; the embedded one only while no process has it. */
  withDatabase<T>(use: (db: Db) => Promise<T>): Promise<T>
  /** Ends what a test that failed has left running. */
  killAll(): Promise<void>
  stop(): Promise<void>
}

async function makeStage(storage: TestStorage): Promise<Stage> {
  const [{ ca }, pushService, receiver] = await Promise.all([
    makeCertificates(),
    startPushService(),
    startReceiver(),
  ])
  const processes = new Set<ServiceProcess>()
  const env = { ...environment, ...storage.env }
  const killAll = async () => {
    await Promise.all([...processes].map((started) => started.end('SIGKILL')))
  }
  return {
    storage,
    pushService,
    receiver,
    async prepare(total) {
      const accepting = await startTestService(storage, environment, ['api'])
      try {
        return await acceptWork(accepting.api, accepting.service, pushService, receiver, total)
      } finally {
        await accepting.stop()
      }
    },
    async start(roles = 'api,worker') {
      const started = await startServiceProcess(env, { ca, args: ['--role', roles] })
      processes.add(started)
      return started
    },
    async withDatabase(use) {
      const opened = await openStorage(readConfig(env), createLogger('silent'))
      return use(opened.db).finally(() => opened.close())
    },
    killAll,
    async stop() {
      await killAll()
      await Promise.all([pushService.stop(), receiver.stop()])
      await storage.drop()
    },
  }
}

async function acceptWork(
  api: Api,
  service: Parameters<typeof emit>[0],
  pushService: PushService,
  receiver: Receiver,
  total: Work['total'],
): Promise<Work> {
  const { db } = service.deps
  const app = await api.post('/push/apps', { name: 'Shop' })
  const appId: string = app.body.data.id
  const webhook = await api.post(`/push/apps/${appId}/webhooks`, {
    url: `${receiver.origin}/${appId}`,
    events: ['notification.sent', 'subscriber.registered'],
  })
  const devices = Array.from({ length: total.subscribers }, (_, index) =>
    pushService.makeDevice(`${appId}-${index}`),
  )
  await insertDevices(db, appId, devices)
  await emit(service, appId, total.events, 'subscriber.registered')
  const events = await db.selectFrom('events').select('id').where('app_id', '=', appId).execute()
  const notification = await api.post(`/push/apps/${appId}/notifications`, { title: 'News' })
  return {
    appId,
    webhookId: webhook.body.data.id,
    devices,
    notificationPath: `/push/apps/${appId}/notifications/${notification.body.data.id}`,
    eventIds: events.map(({ id }) => id),
    total,
  }
}

const readNotification = async ({ url }: ServiceProcess, { notificationPath }: Work) =>
  (await createApi(url, key).get(notificationPath)).body.data

const eventIdsAt = ({ receiver }: Stage, { appId }: Work) =>
  new Set(receiver.to(`/${appId}`).map(({ headers }) => headers['webhook-id']))

/** Waits until the notification has ended and each event has arrived, `notification.sent` included. */
async function untilDone(stage: Stage, running: ServiceProcess, work: Work): Promise<void> {
  await poll(
    () => readNotification(running, work),
    ({ status }) => status !== 'sending',
    longMs,
  )
  await poll(
    async () => eventIdsAt(stage, work).size,
    (size) => size === work.total.events + 1,
    longMs,
  )
}

/** That all work was done and none of it was counted twice, by what the peers got and by the rows. */
async function expectAllDone(stage: Stage, work: Work): Promise<void> {
  const { appId, webhookId, devices, eventIds, total } = work
  const pushed = new Set(stage.pushService.pushes.map(({ device }) => device))
  expect(devices.filter((device) => !pushed.has(device))).toEqual([])
  const arrived = eventIdsAt(stage, work)
  expect(eventIds.filter((id) => !arrived.has(id))).toEqual([])

  await stage.withDatabase(async (db) => {
    const notification = await db
      .selectFrom('notifications')
      .selectAll()
      .where('app_id', '=', appId)
      .executeTakeFirstOrThrow()
    expect(notification).toMatchObject({
      status: 'sent',
      total_count: total.subscribers,
      sent_count: total.subscribers,
      failed_count: 0,
      completed_batches: notification.total_batches,
    })
    const batches = await db
      .selectFrom('notification_batches')
      .selectAll()
      .where('app_id', '=', appId)
      .execute()
    expect(batches.filter((batch) => batch.completed_at === null)).toEqual([])
    expect(batches.reduce((sum, batch) => sum + batch.sent_count, 0)).toBe(total.subscribers)

    const sent = await db
      .selectFrom('events')
      .select('id')
      .where('app_id', '=', appId)
      .where('type', '=', 'notification.sent')
      .execute()
    expect(sent).toHaveLength(1)
    expect(arrived).toEqual(new Set([...eventIds, sent[0]!.id]))

    const deliveries = await deliveriesOf(db, webhookId)
    expect(deliveries).toHaveLength(total.events + 1)
    expect(deliveries.filter(({ status }) => status !== 'succeeded')).toEqual([])
    const attempts = Map.groupBy(await attemptsOf(db, webhookId), ({ delivery_id }) => delivery_id)
    for (const { id, attempt_count } of deliveries) {
      const numbers = attempts.get(id)?.map(({ number }) => number)
      expect(numbers).toEqual(Array.from({ length: attempt_count }, (_, index) => index + 1))
    }
  })
}

/** Ends a process as an operator does, and that it ends well. */
async function expectCleanEnd(running: ServiceProcess): Promise<void> {
  expect(await running.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(running.output.stdout).not.toContain('"level":"error"')
}

describeOnEachBackend('durability', (make) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await makeStage(await make())
  })
  afterEach(() => stage.killAll())
  afterAll(() => stage.stop())

  /** On PostgreSQL, what the next process would have to wait some seconds for. */
  const takeOver = async () => {
    if (stage.storage.backend === 'postgres') await stage.withDatabase(expireLeases)
  }

  test('killed at its worst moments and at any other, it loses nothing and counts nothing twice', async () => {
    const { receiver } = stage
    const work = await stage.prepare({ subscribers: 1_200, events: 600 })
    // One in the second batch is not answered, and no delivery after the first 250.
    holdAnswers(stage, { push: (device) => indexOf(device) === 1_100, deliveriesAfter: 250 })
    const first = await stage.start()
    await poll(
      () => readNotification(first, work),
      ({ stats }) => stats.completed_batches === 1,
      longMs,
    )
    await receiver.waitFor(300, undefined, longMs)
    expect(await first.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
    await takeOver()

    answerAfter(stage, 50)
    const second = await stage.start()
    // On purpose: the moments that nobody has thought of are the ones to find.
    await sleep(randomInt(1_000))
    await second.end('SIGKILL')
    await takeOver()
    const last = await stage.start()
    await untilDone(stage, last, work)
    await expectCleanEnd(last)
    await expectAllDone(stage, work)
  }, 120_000)

  test('told to stop, it finishes what is in flight and leaves the rest for the next start', async () => {
    const { pushService, receiver } = stage
    const work = await stage.prepare({ subscribers: 600, events: 300 })
    const pushedBefore = pushService.pushes.length
    const pushed = () => pushService.pushes.length - pushedBefore
    const delivered = () => receiver.to(`/${work.appId}`).length
    const release = holdAnswers(stage, { push: (device) => indexOf(device) % 100 === 0, deliveriesAfter: 0 })
    const first = await stage.start()
    await poll(
      async () => [pushed(), delivered()],
      ([pushes, deliveries]) => pushes === 600 && deliveries === 8,
      longMs,
    )
    const ended = first.end('SIGTERM')
    await poll(
      () => readiness(first),
      (answer) => answer === 'draining' || answer === 'refused',
    )
    release()
    expect(await ended).toEqual({ code: 0, signal: null })
    expect(first.output.stdout).not.toContain('"level":"error"')
    // The batch that was begun is at its end, and of the deliveries none was begun any more.
    expect(pushed()).toBe(600)
    expect(delivered()).toBe(8)

    const second = await stage.start()
    await untilDone(stage, second, work)
    await expectCleanEnd(second)
    await expectAllDone(stage, work)
    // Nothing was broken off, so nothing had to be done twice.
    expect(pushed()).toBe(600)
    expect(delivered()).toBe(301)
  }, 120_000)
})

const { url: serverUrl, reason } = inject('postgres')

describe.skipIf(!serverUrl)(`durability of several processes${reason ? `: ${reason}` : ''}`, () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await makeStage(await makeDatabase())
  })
  afterEach(() => stage.killAll())
  afterAll(() => stage.stop())

  test('workers share the work, and one takes over from another that is killed', async () => {
    const { pushService, receiver } = stage
    const api = await stage.start('api')
    const [killed, survivor] = await Promise.all([stage.start('worker'), stage.start('worker')])
    // The last of each batch are not answered, and no delivery after the first 250.
    const release = holdAnswers(stage, {
      push: (device) => indexOf(device) % 1_000 >= 990,
      deliveriesAfter: 250,
    })
    const work = await stage.prepare({ subscribers: 3_100, events: 600 })
    // Whichever has the lanes of the app and of its webhook.
    await poll(
      async () => [pushService.pushes.length, receiver.requests.length],
      ([pushes, deliveries]) => pushes! > 100 && deliveries! > 250,
    )
    await killed.end('SIGKILL')
    await stage.withDatabase(expireLeases)
    release()
    await untilDone(stage, api, work)
    await expectCleanEnd(survivor)
    await expectCleanEnd(api)
    await expectAllDone(stage, work)
  }, 120_000)

  test('an attempt that the end of its process breaks off is no failure of the receiver', async () => {
    const { pushService, receiver } = stage
    const accepting = await startTestService(stage.storage, environment, ['api'])
    try {
      const { api, service } = accepting
      holdAnswers(stage, { push: () => false, deliveriesAfter: 0 })
      const total = { subscribers: 0, events: 5 }
      const { appId, webhookId } = await acceptWork(api, service, pushService, receiver, total)
      const lanes = startDeliveryLanes({ ...service.deps, lanes: ownAllLanes() })
      await receiver.waitFor(5, `/${appId}`)
      await lanes.stop(100)

      const deliveries = await deliveriesOf(service.deps.db, webhookId)
      expect(deliveries.map(({ status, attempt_count }) => ({ status, attempt_count }))).toEqual(
        Array(5).fill({ status: 'pending', attempt_count: 0 }),
      )
      const webhook = await api.get(`/push/apps/${appId}/webhooks/${webhookId}`)
      expect(webhook.body.data.failure_count).toBe(0)
      const waiting = await waitingDeliveries(service.deps.db)
      expect(waiting.map(({ id }) => id).sort()).toEqual(deliveries.map(({ id }) => id))
      expect(Math.max(...waiting.map(({ waitSeconds }) => waitSeconds))).toBeLessThanOrEqual(0)
    } finally {
      await accepting.stop()
    }
  })
})

/** A device's place among those of its work, as its name tells. */
function indexOf({ path }: Device): number {
  return Number(path.split('-').at(-1))
}

/**
 * Lets the peers keep back some answers.
 *
 * @param deliveriesAfter how many deliveries are answered first
 * @returns gives them all, and those to come at once
 */
function holdAnswers(
  { pushService, receiver }: Stage,
  kept: { push: (device: Device) => boolean; deliveriesAfter: number },
): () => void {
  const held: Http2ServerResponse[] = []
  const before = receiver.requests.length
  let released = false
  const answer = (response: Http2ServerResponse, keep: boolean) => {
    if (keep && !released) held.push(response)
    else response.writeHead(201).end()
  }
  pushService.answer = ({ device }, response) => answer(response, kept.push(device))
  receiver.answer = (_, response) =>
    answer(response, receiver.requests.length - before > kept.deliveriesAfter)
  return () => {
    released = true
    for (const response of held) response.writeHead(201).end()
  }
}

/** Lets the peers answer everything, after a while. */
function answerAfter({ pushService, receiver }: Stage, ms: number): void {
  pushService.answer = (_, response) => {
    setTimeout(() => response.writeHead(201).end(), ms)
  }
  receiver.answer = (_, response) => {
    setTimeout(() => response.writeHead(204).end(), ms)
  }
}

/** What `/readyz` says: `ready`, `draining`, or `refused` when nobody answers any more. */
async function readiness({ url }: ServiceProcess): Promise<string> {
  try {
    const response = await fetch(`${url}/readyz`)
    return ((await response.json()) as { status: string }).status
  } catch {
    return 'refused'
  }
}
