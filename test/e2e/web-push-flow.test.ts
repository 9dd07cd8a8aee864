import type { Http2ServerResponse } from 'node:http2'
import { sql } from 'kysely'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { deleteApp } from '../../src/apps/app-deletion-store.ts'
import { probes } from '../../src/channels/web-push/origin-health.ts'
import { generateVapidKeys, type VapidKeys } from '../../src/channels/web-push/vapid-keys.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { emit, insertDevices, makeBatchesDue, waitingBatches } from '../support/database.ts'
import {
  type Device,
  type PushService,
  type ReceivedPush,
  startPushService,
} from '../support/push-service.ts'
import type { Receiver } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { useStage } from '../support/stage.ts'

describeOnEachBackend('web push', (make) => {
  const stage = useStage(make, { KRAFTER_PUBLIC_URL: 'https://push.shop.example' })
  let running: TestService
  let pushService: PushService
  let receiver: Receiver
  let db: Db

  beforeAll(() => {
    ;({ running, pushService, receiver } = stage)
    db = running.service.deps.db
  })

  /** An app with these subscribers, and a notification on its way to them. */
  const send = async (devices: readonly Device[], web: object = {}) => {
    const { api } = running
    const app = await api.post('/push/apps', { name: 'Shop' })
    const appId: string = app.body.data.id
    const base = `/push/apps/${appId}`
    await api.post(`${base}/webhooks`, { url: `${receiver.origin}/${appId}`, events: ['notification.sent'] })
    const subscriberIds = await insertDevices(db, appId, devices)
    const body = { title: 'News', platform_overrides: { web } }
    const sent = await api.post(`${base}/notifications`, body)
    expect(sent.status, JSON.stringify(sent.body)).toBe(201)
    return { appId, base, path: `${base}/notifications/${sent.body.data.id}`, subscriberIds }
  }
  const read = async (path: string) => (await running.api.get(path)).body.data
  const batchesDone = (path: string, count: number) =>
    poll(
      () => read(path),
      ({ stats }) => stats.completed_batches === count,
    )
  const finished = (path: string) =>
    poll(
      () => read(path),
      ({ status }) => status === 'sent' || status === 'failed',
    )
  /** Lets so much time pass, and what was to wait for it go on. */
  const passSeconds = async (seconds: number) => {
    running.clock.ahead += seconds * 1_000
    await makeBatchesDue(db)
  }
  /** The data of the one `notification.sent` that there is, and that the webhook got once. */
  const theEvent = async (appId: string) => {
    const [delivery] = await receiver.waitFor(1, `/${appId}`)
    const events = await db.selectFrom('events').select('type').where('app_id', '=', appId).execute()
    expect(events).toEqual([{ type: 'notification.sent' }])
    expect(receiver.to(`/${appId}`)).toHaveLength(1)
    return JSON.parse(delivery!.body.toString()).data
  }
  const answerWith = (statusOf: (push: ReceivedPush) => number, headers: Record<string, string> = {}) => {
    pushService.answer = (push, response) => {
      response.writeHead(statusOf(push), headers).end()
    }
  }

  test('tries again what may work later, and gives up on the rest as it deserves', async () => {
    const throttling = await startPushService()
    const broken = await startPushService({ http2: false })
    onTestFinished(async () => {
      await Promise.all([throttling.stop(), broken.stop()])
    })
    const statuses = [201, 500, 503, 404, 410, 413, 400, 403]
    const devices = statuses.map(() => pushService.makeDevice())
    const statusOf = new Map(devices.map((device, index) => [device, statuses[index]!]))
    answerWith(({ device }) => statusOf.get(device)!)
    throttling.answer = (_, response) => {
      response.writeHead(429, { 'retry-after': '20' }).end()
    }
    broken.answer = (_, response) => {
      response.socket.destroy()
    }
    const [throttled, cutOff] = [throttling.makeDevice(), broken.makeDevice()]
    const { appId, base, path, subscriberIds } = await send([...devices, throttled, cutOff])

    const first = await batchesDone(path, 1)
    const why = first.failure_reason.split(/: |; /)
    expect(why[0]).toBe('4 pushes are being retried')
    expect(why).toEqual(
      expect.arrayContaining(['the push service answered 500 (1)', 'the push service answered 429 (1)']),
    )
    const retryReasons = running.logs.filter(({ msg }) => msg === 'batch.sent').at(-1)!
      .retryReasons as object[]
    expect(retryReasons).toHaveLength(4)
    expect(retryReasons).toContainEqual({ status: 503, error: 'the push service answered 503', count: 1 })
    expect(first).toMatchObject({
      status: 'sending',
      stats: { total_count: 10, total_batches: 3, completed_batches: 1, sent_count: 1, failed_count: 5 },
    })
    const [soon, later] = await waitingBatches(db)
    // Five seconds, give or take a fifth, and the twenty that were asked for.
    expect(soon!.waitSeconds).toBeLessThanOrEqual(10)
    expect(later!.waitSeconds - soon!.waitSeconds).toBeGreaterThan(9)

    for (const service of [throttling, broken]) {
      service.answer = (_, response) => {
        response.writeHead(201).end()
      }
    }
    answerWith(() => 201)
    await passSeconds(31)
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      failure_reason: null,
      stats: { total_count: 10, total_batches: 3, completed_batches: 3, sent_count: 5, failed_count: 5 },
    })
    expect(await theEvent(appId)).toMatchObject({ sent_count: 5, failed_count: 5 })
    const inactive = await running.api.get(`${base}/subscribers?status=inactive`)
    const inactiveIds = inactive.body.data.map(({ id }: { id: string }) => id)
    expect(new Set(inactiveIds)).toEqual(new Set(subscriberIds.slice(3, 5)))
    expect(inactive.body.data).toMatchObject([{ inactive_reason: 'gone' }, { inactive_reason: 'gone' }])

    const pushesTo = (device: Device) =>
      [pushService, throttling, broken]
        .flatMap(({ pushes }) => pushes)
        .filter((push) => push.device === device)
    const counts = [...devices, throttled, cutOff].map((device) => pushesTo(device).length)
    expect(counts).toEqual([1, 2, 2, 1, 1, 1, 1, 1, 2, 2])
    expect(pushesTo(throttled)[1]!.payload).toEqual(pushesTo(throttled)[0]!.payload)
  })

  test('a time to live of 0 reaches who is there now, and nobody is tried again', async () => {
    const devices = [pushService.makeDevice(), pushService.makeDevice()]
    answerWith(({ device }) => (device === devices[0] ? 201 : 503))
    const { path } = await send(devices, { ttl: 0 })
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { total_batches: 1, sent_count: 1, failed_count: 1 },
    })
    const pushes = pushService.pushes.filter(({ device }) => devices.includes(device))
    expect(pushes.map(({ headers }) => headers.ttl)).toEqual(['0', '0'])
    // Nobody set a contact, and Apple wants one: the public URL is.
    expect(pushes.map(({ claims }) => claims.sub)).toEqual(Array(2).fill('https://push.shop.example'))
    expect(running.logs.map(({ msg }) => msg)).not.toContain('vapid.no_contact')
  })

  test('tries again as long as the time to live lasts', async () => {
    const devices = [pushService.makeDevice()]
    answerWith(() => 503)
    const { appId, path } = await send(devices, { ttl: 40 })
    await batchesDone(path, 1)
    await passSeconds(16)
    await batchesDone(path, 2)
    await passSeconds(30)
    expect(await finished(path)).toMatchObject({
      status: 'failed',
      failure_reason: 'its time was over before it could be sent',
      stats: { total_count: 1, total_batches: 3, completed_batches: 3, sent_count: 0, failed_count: 1 },
    })
    expect(await theEvent(appId)).toMatchObject({ sent_count: 0, failed_count: 1, pending_count: 0 })
    const pushes = pushService.pushes.filter(({ device }) => device === devices[0])
    // What is left of it, and nothing after it. On a busy machine real seconds pass besides.
    const [first, second, ...more] = pushes.map(({ headers }) => 40 - Number(headers.ttl))
    expect(first).toBeLessThan(20)
    expect(second! - first! - 16).toBeGreaterThanOrEqual(0)
    expect(second! - first! - 16).toBeLessThan(20)
    expect(more).toEqual([])
  })

  test('a page that takes longer than the time to live is not sent to its end', async () => {
    const devices = Array.from({ length: 3 * probes }, () => pushService.makeDevice())
    // Nothing is answered before as many as may be under way have arrived. Then the time is over.
    const waiting: (() => void)[] = []
    pushService.answer = (_, response) => {
      waiting.push(() => void response.writeHead(201).end())
      if (waiting.length < probes) return
      running.clock.ahead += 31_000
      for (const answer of waiting.splice(0)) answer()
    }
    const { appId, path } = await send(devices, { ttl: 31 })
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { total_batches: 1, sent_count: probes, failed_count: 2 * probes },
    })
    expect(await theEvent(appId)).toMatchObject({ sent_count: probes, pending_count: 0 })
    expect(pushService.pushes.filter(({ device }) => devices.includes(device))).toHaveLength(probes)
  })

  test('a batch of which nothing could be attempted is put off, and not written anew', async () => {
    answerWith(() => 429, { 'retry-after': '300' })
    const { path } = await send([pushService.makeDevice()])
    await batchesDone(path, 1)
    for (const _ of [1, 2]) {
      await makeBatchesDue(db)
      await poll(
        () => waitingBatches(db),
        ([batch]) => batch!.waitSeconds > 200,
      )
    }
    expect((await read(path)).stats).toMatchObject({ total_batches: 2, completed_batches: 1 })
    answerWith(() => 201)
    await passSeconds(400)
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { total_count: 1, total_batches: 2, completed_batches: 2, sent_count: 1, failed_count: 0 },
    })
  })

  test('a push service that hangs delays nobody elsewhere, in the same app or another', async () => {
    const hanging = await startPushService()
    onTestFinished(() => hanging.stop())
    hanging.answer = () => {}
    answerWith(() => 201)
    const { api } = running
    const post = (base: string, userId: string) =>
      api.post(`${base}/notifications`, {
        title: userId,
        targeting: { type: 'user_ids', ids: [userId] },
      })
    const register = (base: string, userId: string, device: Device) =>
      api.post(`${base}/subscribers`, { ...device.registration, user_id: userId })
    const makeBase = async () => `/push/apps/${(await api.post('/push/apps', { name: 'A' })).body.data.id}`
    const [base, other] = [await makeBase(), await makeBase()]
    await register(base, 'lost', hanging.makeDevice())
    await register(base, 'same', pushService.makeDevice())
    await register(other, 'other', pushService.makeDevice())
    // More than an app may have under way.
    await Promise.all(Array.from({ length: 300 }, () => post(base, 'lost')))
    await poll(
      async () => hanging.pushes.length,
      (count) => count > 0,
    )
    const before = pushService.pushes.length
    await Promise.all([post(base, 'same'), post(other, 'other')])
    await poll(
      async () => pushService.pushes.slice(before).map(({ payload }) => payload.title),
      (titles) => titles.includes('same') && titles.includes('other'),
    )
    // What is under way there when its first pushes have not even timed out.
    expect(hanging.requests.length).toBeLessThanOrEqual(probes)
    await api.delete(base)
  })

  test('ends after KRAFTER_SENT_AFTER with what is known, and counts the rest on', async () => {
    const devices = [pushService.makeDevice(), pushService.makeDevice(), pushService.makeDevice()]
    let late = 503
    answerWith(({ device }) => (device === devices[0] ? 201 : late))
    const { appId, base, path } = await send(devices, { ttl: 3_600 })
    await running.api.post(`${base}/webhooks`, {
      url: `${receiver.origin}/${appId}/failed`,
      events: ['notification.failed'],
    })
    await batchesDone(path, 1)
    running.clock.ahead += 570_000
    expect((await read(path)).status).toBe('sending')
    running.clock.ahead += 32_000
    await makeBatchesDue(db)
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { total_count: 3, sent_count: 1, failed_count: 0, pending_count: 2 },
    })
    const [sent] = await receiver.waitFor(1, `/${appId}`)
    expect(JSON.parse(sent!.body.toString()).data).toMatchObject({
      sent_count: 1,
      failed_count: 0,
      pending_count: 2,
    })

    late = 410
    await passSeconds(900)
    const { stats } = await poll(
      () => read(path),
      ({ stats }) => stats.pending_count === 0,
    )
    expect(stats).toMatchObject({ total_count: 3, sent_count: 1, failed_count: 2 })
    const failed = await receiver.waitFor(2, `/${appId}/failed`)
    expect(failed.map(({ body }) => JSON.parse(body.toString()).data.reason)).toEqual(['gone', 'gone'])
    expect(receiver.to(`/${appId}`)).toHaveLength(1)
  })

  test('does not try those again who have unsubscribed meanwhile', async () => {
    const [stays, leaves] = [pushService.makeDevice(), pushService.makeDevice()]
    answerWith(() => 503)
    const { base, path, subscriberIds } = await send([stays, leaves])
    await batchesDone(path, 1)
    await running.api.patch(`${base}/subscribers/${subscriberIds[1]}`, { status: 'unsubscribed' })
    answerWith(() => 201)
    await passSeconds(16)
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { total_count: 2, sent_count: 1, failed_count: 0, skipped_count: 1 },
    })
    const times = [stays, leaves].map(
      (wanted) => pushService.pushes.filter(({ device }) => device === wanted).length,
    )
    expect(times).toEqual([2, 1])
  })

  test('does not try those again whose subscription belongs to another user by then', async () => {
    const { api } = running
    const base = `/push/apps/${(await api.post('/push/apps', { name: 'Shared' })).body.data.id}`
    const [shared, own] = [pushService.makeDevice(), pushService.makeDevice()]
    const register = (device: Device, body: object) =>
      api.post(`${base}/subscribers`, { ...device.registration, ...body })
    await register(shared, { user_id: 'before', tags: ['vip'] })
    await register(own, { user_id: 'own', tags: ['vip'] })
    answerWith(() => 503)
    const notify = async (targeting: object) => {
      const { id } = (await api.post(`${base}/notifications`, { title: 'For you', targeting })).body.data
      await batchesDone(`${base}/notifications/${id}`, 1)
      return `${base}/notifications/${id}`
    }
    const paths = [
      await notify({ type: 'user_ids', ids: ['before', 'own'] }),
      await notify({ type: 'tags', tags: ['vip', 'other'] }),
      await notify({ type: 'tags', tags: ['vip'], match: 'all' }),
      await notify({ type: 'platform', platforms: ['web'] }),
    ]
    await register(shared, { user_id: 'after' })
    answerWith(() => 201)
    await passSeconds(16)
    const counts = []
    for (const path of paths) {
      const { sent_count, skipped_count } = (await finished(path)).stats
      counts.push([sent_count, skipped_count])
    }
    expect(counts).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
      [2, 0],
    ])
  })

  test('accounts for those who leave or come between the cut and the sending', async () => {
    const devices = Array.from({ length: 5 }, () => pushService.makeDevice())
    answerWith(() => 201)
    const { appId, path } = await send(devices)
    expect((await finished(path)).stats).toMatchObject({ total_count: 5, sent_count: 5, skipped_count: 0 })
    const statusesAtTheCut = async (statuses: readonly string[]) => {
      await sql
        .raw(`
        create or replace function change_at_the_cut() returns trigger language plpgsql as $$ begin
          update subscribers set status = wanted.status
          from (select id, (array['${statuses.join("','")}'])[row_number() over (order by id)] as status
            from subscribers where app_id = '${appId}') as wanted
          where app_id = '${appId}' and subscribers.id = wanted.id;
          return null;
        end $$`)
        .execute(db)
      const { id } = (await running.api.post(`/push/apps/${appId}/notifications`, { title: 'T' })).body.data
      return (await finished(`/push/apps/${appId}/notifications/${id}`)).stats
    }
    await sql`create function change_at_the_cut() returns trigger language plpgsql as $$ begin return null; end $$`.execute(
      db,
    )
    await sql`create trigger change_at_the_cut after insert on notification_batches
      for each row execute function change_at_the_cut()`.execute(db)
    onTestFinished(async () => {
      await sql`drop function change_at_the_cut cascade`.execute(db)
    })
    const [here, gone] = ['active', 'unsubscribed']
    expect(await statusesAtTheCut([here, gone, here, gone, here])).toMatchObject({
      total_count: 5,
      sent_count: 3,
      skipped_count: 2,
    })
    // Back again while those are sent to whose ids are around theirs: the audience has grown by them.
    expect(await statusesAtTheCut([here, here, here, here, here])).toMatchObject({
      total_count: 5,
      sent_count: 5,
      skipped_count: 0,
    })
    expect(await statusesAtTheCut([gone, gone, gone, gone, gone])).toMatchObject({
      total_count: 5,
      sent_count: 0,
      skipped_count: 5,
    })
  })

  test('cuts thousands into batches, pushes to each once and ends with one event', async () => {
    const devices = Array.from({ length: 2_100 }, () => pushService.makeDevice())
    const gone = new Set(devices.filter((_, index) => index % 100 === 0))
    answerWith(({ device }) => (gone.has(device) ? 410 : 201))
    const before = pushService.pushes.length
    const { appId, base, path } = await send(devices)
    const done = await finished(path)
    expect(done).toMatchObject({
      status: 'sent',
      stats: {
        total_count: 2_100,
        total_batches: 3,
        completed_batches: 3,
        sent_count: 2_079,
        failed_count: 21,
      },
    })
    const pushes = pushService.pushes.slice(before)
    expect(pushes).toHaveLength(2_100)
    expect(new Set(pushes.map(({ device }) => device)).size).toBe(2_100)
    expect(new Set(pushes.map(({ payload }) => payload.t)).size).toBe(2_100)
    expect(new Set(pushes.map(({ payload: { t: _, ...shared } }) => JSON.stringify(shared))).size).toBe(1)
    // Signing is dear, and push services slow down those who sign anew for every push.
    expect(new Set(pushes.map(({ headers }) => headers.authorization)).size).toBe(1)
    expect(await theEvent(appId)).toEqual({
      notification_id: path.split('/').at(-1),
      app_id: appId,
      title: 'News',
      sent_count: 2_079,
      failed_count: 21,
      pending_count: 0,
    })
    expect((await read(base)).subscriber_count).toBe(2_079)
  })

  test('pushes each of many small notifications once, however fast they come', async () => {
    answerWith(() => 201)
    const { api } = running
    const appId: string = (await api.post('/push/apps', { name: 'A' })).body.data.id
    const base = `/push/apps/${appId}`
    await api.post(`${base}/subscribers`, { ...pushService.makeDevice().registration, user_id: 'anna' })
    const before = pushService.pushes.length
    let posted = 0
    const loop = async () => {
      while (posted < 240) {
        posted += 1
        await api.post(`${base}/notifications`, {
          title: String(posted),
          targeting: { type: 'user_ids', ids: ['anna'] },
        })
      }
    }
    await Promise.all(Array.from({ length: 16 }, loop))
    await poll(
      () =>
        db
          .selectFrom('notifications')
          .select('id')
          .where('app_id', '=', appId)
          .where('status', '=', 'sending')
          .execute(),
      (unsent) => unsent.length === 0,
    )
    expect(pushService.pushes.length - before).toBe(posted)
  })

  test('nothing more is sent for an app that is deleted, even in the middle of a page', async () => {
    const devices = Array.from({ length: 500 }, () => pushService.makeDevice())
    const held: Http2ServerResponse[] = []
    let brokenOff = 0
    pushService.answer = (_, response) => {
      held.push(response)
      response.on('close', () => {
        if (!response.writableEnded) brokenOff += 1
      })
    }
    // So many that the push service does not count as stuck.
    const answering = setInterval(() => held.shift()?.writeHead(201).end(), 50)
    onTestFinished(() => clearInterval(answering))
    const before = pushService.requests.length
    const { base, path } = await send(devices)
    const sent = () => pushService.requests.length - before
    await poll(
      async () => sent(),
      (count) => count > 0,
    )
    expect((await running.api.delete(base)).status).toBe(204)
    await poll(
      async () => brokenOff,
      (count) => count > 0,
    )
    const id = path.split('/').at(-1)
    await poll(
      async () => running.logs.some((line) => line.notificationId === id && line.msg === 'batch.sent'),
      (isOver) => isOver,
    )
    // Those that were under way, and those that began until this process heard of it.
    expect(sent()).toBeLessThan(400)
  })

  test('nobody waits for the deletion of an app with much data', async ({ skip }) => {
    if (stage.storage.backend === 'pglite') skip('it has one connection')
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    const { promise: deleted, resolve: commit } = Promise.withResolvers<void>()
    const [ofEnding, ofOther] = [pushService.makeDevice(), pushService.makeDevice()]
    const answer = receiver.answer
    onTestFinished(() => {
      receiver.answer = answer
      release()
      commit()
    })
    answerWith(() => 201)
    const ending = await send([ofEnding])
    await finished(ending.path)
    // A delivery and a push of the app are under way.
    receiver.answer = (request, response) => void released.then(() => answer(request, response))
    pushService.answer = (_, response) => void released.then(() => response.writeHead(201).end())
    const before = [receiver.requests.length, pushService.requests.length]
    await running.api.post(`${ending.base}/notifications`, { title: 'Under way' })
    await emit(running.service, ending.appId)
    await poll(
      async () => receiver.requests.length > before[0]! && pushService.requests.length > before[1]!,
      (isUnderWay) => isUnderWay,
    )
    const { promise: isDeleting, resolve: deleting } = Promise.withResolvers<void>()
    const deletion = db.transaction().execute(async (trx) => {
      await deleteApp(trx, ending.appId)
      deleting()
      await deleted
    })
    await isDeleting
    release()
    answerWith(() => 201)
    const other = await send([ofOther])
    expect(await finished(other.path)).toMatchObject({ status: 'sent' })
    await receiver.waitFor(1, `/${other.appId}`)
    commit()
    await deletion
    expect(running.logs.filter(({ msg }) => msg === 'page.failed')).toEqual([])
  })

  test('signs each push with the key pair that its subscription was made with', async () => {
    const { api } = running
    const [elsewhere, next] = [generateVapidKeys(), generateVapidKeys()]
    const given = ({ publicKey, privateKey }: VapidKeys) => ({
      vapid_public_key: publicKey,
      vapid_private_key: privateKey.toString('base64url'),
    })
    const app = await api.post('/push/apps', { name: 'Moved here' })
    const generated: string = app.body.data.vapid_public_key
    const base = `/push/apps/${app.body.data.id}`
    const register = async (key: string, body: object = {}) => {
      const { registration } = pushService.makeDevice(undefined, key)
      const answer = await api.post(`${base}/subscribers`, { ...registration, ...body })
      expect(answer.status, JSON.stringify(answer.body)).toBe(201)
      return { id: answer.body.data.id as string, registration }
    }
    await register(generated)
    await api.patch(base, given(elsewhere))
    const moved = await register(elsewhere.publicKey)
    await api.patch(base, given(next))
    await register(next.publicKey)
    // Pages that a cache has still name the key before; and so do those who move here after the next change.
    await register(elsewhere.publicKey, { vapid_public_key: elsewhere.publicKey })
    await register(generated, { vapid_public_key: `${generated}=` })
    // Seen again without a word about keys: it keeps its own.
    const again = await api.post(`${base}/subscribers`, { ...moved.registration, tags: ['seen'] })
    expect(again.status).toBe(200)
    // Another token of the same subscriber was made with the current pair.
    const renewed = await register(elsewhere.publicKey, { vapid_public_key: elsewhere.publicKey })
    const { token, keys } = pushService.makeDevice(undefined, next.publicKey).registration
    expect(await api.patch(`${base}/subscribers/${renewed.id}`, { token, keys })).toMatchObject({
      status: 200,
    })
    // Registered without the key that it was made with, then put right.
    const mistaken = await register(elsewhere.publicKey)
    const path = `${base}/subscribers/${mistaken.id}`
    await api.patch(path, { vapid_public_key: elsewhere.publicKey })
    for (const refused of [
      await api.patch(path, { vapid_public_key: generateVapidKeys().publicKey }),
      await api.post(`${base}/subscribers`, { ...mistaken.registration, vapid_public_key: 'no key' }),
    ]) {
      const details = { vapid_public_key: ['is not a public key of this app'] }
      expect(refused).toMatchObject({ status: 422, body: { details } })
    }

    answerWith(() => 201)
    const sent = await api.post(`${base}/notifications`, { title: 'To all' })
    expect(await finished(`${base}/notifications/${sent.body.data.id}`)).toMatchObject({
      status: 'sent',
      stats: { sent_count: 7, failed_count: 0 },
    })
  })

  test('a subscription made with another key turns inactive, but never everybody at once', async () => {
    const { api } = running
    const app = (await api.post('/push/apps', { name: 'Shop' })).body.data
    const base = `/push/apps/${app.id}`
    const register = async (to: string, key?: string) => {
      const device = pushService.makeDevice(undefined, key)
      const { id } = (await api.post(`${to}/subscribers`, device.registration)).body.data
      return { id, device }
    }
    const elsewhere = generateVapidKeys().publicKey
    const [good, shaky, other] = [await register(base), await register(base), await register(base, elsewhere)]
    const refusing = new Set<Device>()
    pushService.answer = ({ device }, response) => {
      if (refusing.has(device)) response.writeHead(401).end('{"message":"VAPID public key mismatch"}')
      else response.writeHead(201).end()
    }
    const notify = async (to: string, targeting?: object) => {
      const sent = await api.post(`${to}/notifications`, { title: 'News', targeting })
      return finished(`${to}/notifications/${sent.body.data.id}`)
    }
    const statusOf = async ({ id }: { id: string }, of = base) => {
      const { status, inactive_reason } = await read(`${of}/subscribers/${id}`)
      return inactive_reason ? `${status}: ${inactive_reason}` : status
    }
    // What one device is refused, over and over, while nobody else is pushed to proves nothing.
    await notify(base)
    await api.patch(`${base}/subscribers/${other.id}`, { user_id: 'other' })
    for (let n = 0; n < 4; n++) await notify(base, { type: 'user_ids', ids: ['other'] })
    expect(await statusOf(other)).toBe('active')
    refusing.add(shaky.device)
    await notify(base)
    refusing.delete(shaky.device)
    expect(await statusOf(other)).toBe('active')
    const third = await notify(base)
    expect(third.stats).toMatchObject({ sent_count: 2, failed_count: 1 })
    expect(await statusOf(other)).toBe('inactive: key_mismatch')
    expect((await notify(base)).stats).toMatchObject({ total_count: 2, sent_count: 2 })
    // A push that arrives starts the count anew.
    refusing.add(shaky.device)
    for (let n = 0; n < 2; n++) await notify(base)
    expect([await statusOf(good), await statusOf(shaky)]).toEqual(['active', 'active'])
    await notify(base)
    expect([await statusOf(good), await statusOf(shaky)]).toEqual(['active', 'inactive: key_mismatch'])
    // Registered again, with the pair named or not, it is tried again.
    await api.post(`${base}/subscribers`, shaky.device.registration)
    expect(await statusOf(shaky)).toBe('active')

    const wrong = `/push/apps/${(await api.post('/push/apps', { name: 'Wrong key' })).body.data.id}`
    const audience = [await register(wrong, elsewhere), await register(wrong, elsewhere)]
    for (let n = 0; n < 4; n++) {
      expect(await notify(wrong)).toMatchObject({
        status: 'failed',
        failure_reason: 'the push service answered 403: VapidPkHashMismatch',
      })
    }
    for (const subscriber of audience) expect(await statusOf(subscriber, wrong)).toBe('active')
  })

  test('reaches a push service that speaks HTTP/1.1 only', async () => {
    const old = await startPushService({ http2: false })
    onTestFinished(() => old.stop())
    const devices = Array.from({ length: 100 }, () => old.makeDevice())
    const { path } = await send(devices)
    expect(await finished(path)).toMatchObject({
      status: 'sent',
      stats: { sent_count: 100, failed_count: 0 },
    })
    expect(old.requests).toHaveLength(100)
    expect(new Set(old.requests.map(({ headers }) => headers.host))).toEqual(
      new Set([new URL(old.origin).host]),
    )
  })
})
