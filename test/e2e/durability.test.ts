import { randomBytes, randomInt } from 'node:crypto'
import type { Http2ServerResponse } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { startDeliveryLanes } from '../../src/deliveries/lane/delivery-lanes.ts'
import { bucketOf, ownAllLanes } from '../../src/engine/lane-ownership.ts'
import { makeCertificates } from '../../src/local-ends/certificates.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { createLogger } from '../../src/platform/log.ts'
import { startSendingLanes } from '../../src/sending/sending-lanes.ts'
import { openStorage } from '../../src/storage.ts'
import { type Api, createApi, poll } from '../support/api.ts'
import { describeOnEachBackend, makeDatabase, makeDataFolder, type TestStorage } from '../support/backends.ts'
import {
  attemptsOf,
  deliveriesOf,
  emit,
  expireLeases,
  insertDevices,
  waitingDeliveries,
} from '../support/database.ts'
import { startNetwork } from '../support/network.ts'
import { startPersistentPoster } from '../support/persistent-poster.ts'
import { type Device, type PushService, startPushService } from '../support/push-service.ts'
import { planFaults } from '../support/random-faults.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
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
  notificationId: string
  /** Of the events beside `notification.sent`. */
  eventIds: string[]
  total: { subscribers: number; events: number }
}

/** What is there to do, and the processes and peers that do it. */
interface Stage {
  storage: TestStorage
  pushService: PushService
  receiver: Receiver
  /** @param receiverOrigin another way to the receiver */
  prepare(total: Work['total'], receiverOrigin?: string): Promise<Work>
  start(roles?: string, env?: Record<string, string>): Promise<ServiceProcess>
  /** In this process, which is quicker: for what ends the work and is not to be killed. */
  startHere(): Promise<TestService>
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
    async prepare(total, receiverOrigin = receiver.origin) {
      const accepting = await startTestService(storage, environment, ['api'])
      try {
        return await acceptWork(accepting.api, accepting.service, pushService, receiverOrigin, total)
      } finally {
        await accepting.stop()
      }
    },
    async start(roles = 'api,worker', other = {}) {
      const started = await startServiceProcess({ ...env, ...other }, { ca, args: ['--role', roles] })
      processes.add(started)
      return started
    },
    startHere: () => startTestService(storage, environment),
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
  receiverOrigin: string,
  total: Work['total'],
): Promise<Work> {
  const { db } = service.deps
  const app = await api.post('/push/apps', { name: 'Shop' })
  const appId: string = app.body.data.id
  const webhook = await api.post(`/push/apps/${appId}/webhooks`, {
    url: `${receiverOrigin}/${appId}`,
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
    notificationId: notification.body.data.id,
    eventIds: events.map(({ id }) => id),
    total,
  }
}

const readNotification = async ({ url }: { url: string }, { appId, notificationId }: Work) =>
  (await createApi(url, key).get(`/push/apps/${appId}/notifications/${notificationId}`)).body.data

const eventIdsAt = ({ receiver }: Stage, { appId }: Work) =>
  new Set(receiver.to(`/${appId}`).map(({ headers }) => headers['webhook-id']))

/**
 * Waits until the notification has ended and each event has arrived, `notification.sent` included.
 *
 * @param others notifications to one device each
 */
async function untilDone(
  stage: Stage,
  running: { url: string },
  work: Work,
  others: readonly string[] = [],
): Promise<void> {
  await poll(
    () => readNotification(running, work),
    ({ status }) => status !== 'sending',
    longMs,
  )
  await poll(
    async () => eventIdsAt(stage, work).size,
    (size) => size === work.total.events + 1 + others.length,
    longMs,
  )
}

/** That all work was done and none of it was counted twice, by what the peers got and by the rows. */
async function expectAllDone(stage: Stage, work: Work, others: readonly string[] = []): Promise<void> {
  const { appId, notificationId, webhookId, devices, eventIds, total } = work
  const pushed = new Set(stage.pushService.pushes.map(({ device }) => device))
  expect(devices.filter((device) => !pushed.has(device))).toEqual([])
  const arrived = eventIdsAt(stage, work)
  expect(eventIds.filter((id) => !arrived.has(id))).toEqual([])

  await stage.withDatabase(async (db) => {
    const notifications = await db
      .selectFrom('notifications')
      .selectAll()
      .where('app_id', '=', appId)
      .execute()
    const notification = notifications.find(({ id }) => id === notificationId)!
    const singles = notifications.filter((each) => each !== notification)
    expect(new Set(singles.map(({ id }) => id))).toEqual(new Set(others))
    for (const single of singles)
      expect(single).toMatchObject({ status: 'sent', total_count: 1, sent_count: 1 })
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
      .where('notification_id', '=', notificationId)
      .execute()
    expect(batches.filter((batch) => batch.completed_at === null)).toEqual([])
    expect(batches.reduce((sum, batch) => sum + batch.sent_count, 0)).toBe(total.subscribers)

    const sent = await db
      .selectFrom('events')
      .select('id')
      .where('app_id', '=', appId)
      .where('type', '=', 'notification.sent')
      .execute()
    expect(sent).toHaveLength(1 + others.length)
    expect(arrived).toEqual(new Set([...eventIds, ...sent.map(({ id }) => id)]))

    const deliveries = await deliveriesOf(db, webhookId)
    expect(deliveries).toHaveLength(total.events + 1 + others.length)
    expect(deliveries.filter(({ status }) => status !== 'succeeded')).toEqual([])
    const attempts = Map.groupBy(await attemptsOf(db, webhookId), ({ delivery_id }) => delivery_id)
    for (const { id, attempt_count } of deliveries) {
      const numbers = attempts.get(id)?.map(({ number }) => number)
      expect(numbers).toEqual(Array.from({ length: attempt_count }, (_, index) => index + 1))
    }
  })
}

/** That the next start does the rest of it, and ends well. */
async function expectNextEndsIt(stage: Stage, work: Work): Promise<void> {
  const next = await stage.startHere()
  // Stopped, it has recorded whatever has arrived.
  await untilDone(stage, next.api, work).finally(next.stop)
  expect(next.logs.filter(({ level }) => level === 'error')).toEqual([])
  await expectAllDone(stage, work)
}

describe('durability (PGlite)', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await makeStage(makeDataFolder())
  })
  afterEach(() => stage.killAll())
  afterAll(() => stage.stop())

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

    answerAfter(stage, 50)
    const second = await stage.start()
    // On purpose: the moments that nobody has thought of are the ones to find.
    await sleep(randomInt(1_000))
    await second.end('SIGKILL')
    await expectNextEndsIt(stage, work)
  }, 240_000)
})

describeOnEachBackend('durability', (make) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await makeStage(await make())
  })
  afterEach(() => stage.killAll())
  afterAll(() => stage.stop())

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

    await expectNextEndsIt(stage, work)
    // Nothing was broken off, so nothing had to be done twice.
    expect(pushed()).toBe(600)
    expect(delivered()).toBe(301)
  }, 240_000)
})

const { url: serverUrl, reason } = inject('postgres')

describe.skipIf(!serverUrl)(`durability of several processes${reason ? `: ${reason}` : ''}`, () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await makeStage(await makeDatabase())
  })
  afterEach(() => stage.killAll())
  afterAll(() => stage.stop())

  test('killed, stopped and cut off at random, it loses nothing that it accepted and counts nothing twice', async ({
    onTestFailed,
  }) => {
    const seed = Number(process.env.DURABILITY_SEED ?? randomInt(2 ** 31))
    const faults = planFaults(seed, { kill: 2, stop: 2, 'cut database': 2, 'cut receiver': 2 }, 2)
    onTestFailed(() => void process.stderr.write(`DURABILITY_SEED=${seed} ${JSON.stringify(faults)}\n`))

    const network = await startNetwork(stage.storage.env.DATABASE_URL!, stage.receiver.origin)
    answerAfter(stage, 250)
    const work = await stage.prepare({ subscribers: 2_000, events: 400 }, network.receiverOrigin)
    const { appId, devices } = work
    await stage.withDatabase((db) => nameUser(db, appId, devices[0]!, 'user'))
    const env = { ...network.env, KRAFTER_RETRY_SCHEDULE: '0.2,0.2,0.5,0.5,1,1,1,1' }
    const start = () => stage.start('api,worker', env)
    const processes = await Promise.all([start(), start()])
    const poster = startPersistentPoster(
      (tries) => createApi(processes[tries % 2]!.url, key),
      `/push/apps/${appId}/notifications`,
      { title: 'One', targeting: { type: 'user_ids', ids: ['user'] } },
    )
    for (const { kind, afterMs, lastsMs, process } of faults) {
      await sleep(afterMs)
      const target = processes[process]!
      if (kind === 'kill') {
        await target.end('SIGKILL')
        await stage.withDatabase(expireLeases)
        processes[process] = await start()
      } else if (kind === 'stop') {
        target.send('SIGSTOP')
        await stage.withDatabase(expireLeases)
        await sleep(lastsMs)
        target.send('SIGCONT')
      } else {
        const proxy = kind === 'cut database' ? network.database : network.receiver
        proxy.setAway(true)
        await sleep(lastsMs)
        proxy.setAway(false)
      }
    }
    const accepted = await poster.stop()
    await untilDone(stage, processes[0]!, work, accepted)
    await Promise.all(processes.map((running) => running.end('SIGTERM')))
    await network.stop()
    await expectAllDone(stage, work, accepted)
  }, 240_000)

  test('a process that lost the lane of a page sends nothing more of it, and its successor all of it', async () => {
    const { pushService, receiver } = stage
    const accepting = await startTestService(stage.storage, environment, ['api'])
    try {
      const { api, service } = accepting
      answerAfter(stage, 50)
      const before = pushService.pushes.length
      const sent = () => pushService.pushes.length - before
      const work = await acceptWork(api, service, pushService, receiver.origin, {
        subscribers: 400,
        events: 0,
      })
      let isHeld = true
      const lost = { ...ownAllLanes(), holds: () => isHeld, confirm: async () => isHeld }
      const losing = startSendingLanes({ ...service.deps, lanes: lost })
      await poll(
        async () => sent(),
        (count) => count > 0,
      )
      isHeld = false
      await losing.stop(10_000)
      expect(accepting.logs.filter(({ msg }) => msg === 'page.abandoned')).toHaveLength(1)
      expect(sent()).toBeLessThan(400)
      expect((await readNotification(api, work)).stats).toMatchObject({ sent_count: 0, completed_batches: 0 })

      const regained = startSendingLanes({ ...service.deps, lanes: ownAllLanes() })
      const { status, stats } = await poll(
        () => readNotification(api, work),
        ({ status }) => status !== 'sending',
      )
      await regained.stop(10_000)
      expect({ status, stats }).toMatchObject({
        status: 'sent',
        stats: { sent_count: 400, total_batches: 1 },
      })
      await api.delete(`/push/apps/${work.appId}`)
    } finally {
      await accepting.stop()
    }
  })

  test('a webhook whose rate is used up stays with its process until it may get the next request', async () => {
    const { receiver } = stage
    const accepting = await startTestService(stage.storage, environment, ['api'])
    try {
      const { api, service } = accepting
      const appId: string = (await api.post('/push/apps', { name: 'Shop' })).body.data.id
      const webhook = await api.post(`/push/apps/${appId}/webhooks`, {
        url: `${receiver.origin}/${appId}`,
        events: ['notification.sent'],
        rate_limit: 1,
      })
      const webhookId: string = webhook.body.data.id
      await emit(service, appId)
      let nowMs = Date.now()
      const clock = { now: () => new Date(nowMs) }
      const asked: ((bucket: number) => boolean)[] = []
      const owning = {
        ...ownAllLanes(),
        onLeaving: (ask: (bucket: number) => boolean) => void asked.push(ask),
      }
      const lanes = startDeliveryLanes({ ...service.deps, clock, lanes: owning })
      await poll(
        () => deliveriesOf(service.deps.db, webhookId),
        ([delivery]) => delivery?.status === 'succeeded',
      )
      await lanes.stop(1_000)
      const isBusy = () => asked.map((ask) => ask(bucketOf(webhookId)))
      expect(isBusy()).toEqual([true])
      nowMs += 1_000
      expect(isBusy()).toEqual([false])
      await api.delete(`/push/apps/${appId}`)
    } finally {
      await accepting.stop()
    }
  })

  test('an attempt that the end of its process breaks off is no failure of the receiver', async () => {
    const { pushService, receiver } = stage
    const accepting = await startTestService(stage.storage, environment, ['api'])
    try {
      const { api, service } = accepting
      holdAnswers(stage, { push: () => false, deliveriesAfter: 0 })
      const total = { subscribers: 0, events: 5 }
      const { appId, webhookId } = await acceptWork(api, service, pushService, receiver.origin, total)
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

/** Gives a device's subscriber a user. */
async function nameUser(db: Db, appId: string, { registration }: Device, userId: string): Promise<void> {
  await db
    .updateTable('subscribers')
    .set({ user_id: userId })
    .where('app_id', '=', appId)
    .where('token', '=', registration.token)
    .execute()
}

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
