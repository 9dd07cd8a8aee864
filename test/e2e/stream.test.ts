import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { revokeKey } from '../../src/access/key-store.ts'
import { newEvents } from '../../src/announcements.ts'
import { firstIdOf, newId } from '../../src/platform/ids.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { type EventStream, openEventStream } from '../support/event-stream.ts'
import { makeKey } from '../support/keys.ts'
import { startTestService, type TestService } from '../support/service.ts'

const streams = {
  gatherMs: 2,
  sweepMs: 40,
  heartbeatMs: 50,
  renewMs: 50,
  maxStreams: 8,
  maxStreamsPerTeam: 7,
}

describeOnEachBackend('the stream of events', (make) => {
  let storage: TestStorage
  let running: TestService
  let appId: string
  let opened: EventStream[] = []

  beforeAll(async () => {
    storage = await make()
    running = await startTestService(storage, {}, ['api', 'worker'], { streams })
  })

  afterAll(async () => {
    await running.stop()
    await storage.drop()
  })

  beforeEach(async () => {
    for (const stream of opened) stream.cut()
    opened = []
    appId = (await running.api.post('/push/apps', { name: 'streamed' })).body.data.id
  })

  const open = async (
    query = '',
    headers: Record<string, string> = {},
    key: string | null = running.api.key,
  ) => {
    const url = `${running.api.url}/api/v1/push/apps/${appId}/events/stream${query}`
    const stream = await openEventStream(url, key, headers)
    opened.push(stream)
    return stream
  }
  const makeEvent = (id: string, type: string, data = {}) => {
    const body = JSON.stringify({ id, event: type, timestamp: '2026-06-01T08:07:01Z', data })
    return { app_id: appId, id, type, body, occurred_at: new Date() }
  }
  const insertEvent = async (id: string) => {
    await running.service.deps.db.transaction().execute(async (trx) => {
      await trx.insertInto('events').values(makeEvent(id, 'notification.sent')).execute()
      await newEvents.announce(trx, [appId])
    })
    return { id }
  }
  const idOf = (msAgo: number) =>
    firstIdOf(new Date(Date.now() - msAgo)).replace(/0{12}$/, newId().slice(-12))
  const openStreams = async () => {
    const metrics = await (await fetch(`${running.api.url}/metrics`)).text()
    return Number(/^krafter_push_event_streams (\d+)$/m.exec(metrics)?.[1])
  }
  const kept = () =>
    running.service.deps.db
      .selectFrom('events')
      .select(['id', 'body'])
      .where('app_id', '=', appId)
      .orderBy('id')
      .execute()

  test('events come as webhooks get them, in an app without any webhook', async () => {
    await insertEvent(newId())
    const stream = await open()
    expect(stream.response.status).toBe(200)
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    const other = (await running.api.post('/push/apps', { name: 'other' })).body.data.id
    await emit(running.service, other)
    await emit(running.service, appId, 3)
    await emit(running.service, appId, 1, 'subscriber.registered')
    const messages = await stream.waitFor(4)
    // Not what was there before.
    const rows = (await kept()).slice(1)
    expect(messages).toEqual(rows.map(({ id, body }) => ({ id, event: JSON.parse(body).event, data: body })))
    expect(messages.map(({ event }) => event)).toEqual([
      ...Array(3).fill('notification.sent'),
      'subscriber.registered',
    ])
    expect(stream.text()).toMatch(/^retry: 2000\nid: [\da-f-]{36}\n\n/)
  })

  test('the streams of an app share their reads, and ask nothing while nothing happens', async () => {
    const all = [await open(), await open(), await open('?event=notification.sent')]
    await emit(running.service, appId)
    for (const stream of all) await stream.waitFor(1)
    const asked = [vi.spyOn(pg.Client.prototype, 'query'), vi.spyOn(Worker.prototype, 'postMessage')]
    const reads = () => {
      const statements = asked.flatMap((spy) => spy.mock.calls.map(([first]) => JSON.stringify(first)))
      return statements.filter((text) => /from \\"events\\"/.test(text))
    }
    // Reads for what was committed late may still follow, but not again and again.
    await expect
      .poll(async () => {
        const before = reads().length
        await sleep(300)
        return reads().length - before
      })
      .toBe(0)
    const read = reads().length
    const emittedAt = performance.now()
    await emit(running.service, appId)
    for (const stream of all) await stream.waitFor(2)
    const busy = reads().slice(read)
    // On a busy machine there is time for more of them.
    const sweeps = Math.floor((performance.now() - emittedAt) / streams.sweepMs)
    for (const spy of asked) spy.mockRestore()
    // Of ids and of bodies, and both once more for late ones, at most.
    expect(busy.length).toBeGreaterThan(1)
    expect(busy.length).toBeLessThanOrEqual(4 + 2 * sweeps)
  })

  test('events of another process come too', async (context) => {
    context.skip(storage.backend === 'pglite', 'the embedded database has one process at a time')
    const other = await startTestService(storage, {}, ['worker'])
    const stream = await open()
    await emit(other.service, appId)
    await stream.waitFor(1).finally(() => other.stop())
  })

  test('silence is filled with comments', async () => {
    const stream = await open()
    await poll(
      async () => stream.text(),
      (text) => /^retry: 2000\nid: \S+\n\n(:\n\n){3}/.test(text),
    )
  })

  test('an event that is committed late is sent, though its id is smaller; none comes twice', async () => {
    const stream = await open()
    const first = await insertEvent(newId())
    await stream.waitFor(1)
    const late = [await insertEvent(idOf(2_000)), await insertEvent(idOf(8_000))]
    const last = await insertEvent(newId())
    await stream.waitFor(4)
    await insertEvent(newId())
    const ids = (await stream.waitFor(5)).map(({ id }) => id)
    expect(ids[0]).toBe(first.id)
    expect(ids.slice(1, 4).sort()).toEqual([...late, last].map(({ id }) => id).sort())
    expect(new Set(ids).size).toBe(5)
  })

  test('an event whose transaction is slow is sent when it commits', async (context) => {
    context.skip(storage.backend === 'pglite', 'the embedded database has one transaction at a time')
    const stream = await open()
    const slowId = newId()
    await running.service.deps.db.transaction().execute(async (trx) => {
      await trx.insertInto('events').values(makeEvent(slowId, 'notification.sent')).execute()
      await newEvents.announce(trx, [appId])
      await emit(running.service, appId)
      await stream.waitFor(1)
    })
    const [first, second] = await stream.waitFor(2)
    expect(second!.id).toBe(slowId)
    expect(slowId < first!.id).toBe(true)
  })

  test('after a cut nothing is lost, what was committed late included', async () => {
    const cut = await open()
    await emit(running.service, appId, 2)
    const [, seen] = await cut.waitFor(2)
    cut.cut()
    const late = await insertEvent(idOf(5_000))
    await emit(running.service, appId, 1_200)
    const resumed = await open('', { 'last-event-id': seen!.id })
    const wanted = (await kept()).map(({ id }) => id).filter((id) => id !== seen!.id)
    const messages = await resumed.waitFor(wanted.length)
    expect(wanted).toContain(late.id)
    expect(messages.map(({ id }) => id)).toEqual(wanted)
    // One of long ago, by the query and in capitals: all that is kept comes, in pages.
    const before = await insertEvent(idOf(3_600_000))
    await insertEvent(idOf(3_500_000))
    const long = await open(`?last_event_id=${before.id.toUpperCase()}`)
    const all = (await kept()).map(({ id }) => id).filter((id) => id !== before.id)
    expect((await long.waitFor(all.length)).map(({ id }) => id)).toEqual(all)
    await emit(running.service, appId)
    expect(await long.waitFor(all.length + 1)).toHaveLength(all.length + 1)
  })

  test('a stream that is cut before its first event goes on from its beginning', async () => {
    const cut = await open()
    const [, id] = await poll(
      async () => /^id: (.+)$/m.exec(cut.text()),
      (found) => found !== null,
    ).then((found) => found!)
    cut.cut()
    await emit(running.service, appId)
    const resumed = await open('', { 'last-event-id': id! })
    const [row] = await kept()
    expect((await resumed.waitFor(1)).map((message) => message.id)).toEqual([row!.id])
  })

  test('an id of the future is taken as now', async () => {
    const stream = await open('', { 'last-event-id': 'ffffffff-ffff-7fff-bfff-ffffffffffff' })
    await emit(running.service, appId)
    await stream.waitFor(1)
  })

  test('only the events that were asked for', async () => {
    const one = await open('?event=subscriber.registered')
    const two = await open('?event=subscriber.registered,notification.clicked')
    const same = await open('?event=subscriber.registered&event=notification.clicked')
    for (const type of ['notification.sent', 'notification.clicked', 'subscriber.registered'] as const) {
      await emit(running.service, appId, 1, type)
    }
    const eventsOf = async (stream: EventStream, count: number) =>
      (await stream.waitFor(count)).map(({ event }) => event)
    expect(await eventsOf(two, 2)).toEqual(['notification.clicked', 'subscriber.registered'])
    expect(await eventsOf(same, 2)).toEqual(['notification.clicked', 'subscriber.registered'])
    expect(await eventsOf(one, 1)).toEqual(['subscriber.registered'])
  })

  test('the lease keeps events until it lapses', async () => {
    const { clock, service } = running
    const lease = () =>
      service.deps.db.selectFrom('event_streams').selectAll().where('app_id', '=', appId).execute()
    const stream = await open()
    expect(await lease()).toHaveLength(1)
    // Renewed while it is open, whatever the time.
    clock.ahead += 70_000
    await poll(lease, ([row]) => row!.expires_at.getTime() > Date.now() + clock.ahead + 70_000)
    stream.cut()
    await poll(openStreams, (count) => count === 0)
    clock.ahead += 60_000
    await emit(service, appId)
    expect(await kept()).toHaveLength(1)
    clock.ahead += 60_000
    await emit(service, appId)
    expect(await kept()).toHaveLength(1)
    // The next stream clears away what has lapsed.
    await open()
    expect(await lease()).toHaveLength(1)
    clock.ahead = 0
  })

  test('refusals', async () => {
    const refused = async (stream: Promise<EventStream>) => {
      const { response } = await stream
      return { status: response.status, body: await response.json() }
    }
    const writer = await makeKey(running, { scopes: ['push:write'] })
    const stranger = await makeKey(running, { team: 'other', scopes: ['push:read'] })
    expect(await refused(open('', {}, null))).toMatchObject({ status: 401 })
    expect(await refused(open('', {}, writer.key))).toMatchObject({ status: 403 })
    expect(await refused(open('', {}, stranger.key))).toEqual({ status: 404, body: { error: 'Not found' } })
    const invalid = (details: object) => ({ status: 422, body: { error: 'Validation failed', details } })
    const notAnId = ['must be the UUID of an event']
    expect(await refused(open('', { 'last-event-id': '7' }))).toEqual(invalid({ 'Last-Event-ID': notAnId }))
    expect(await refused(open('?last_event_id=7'))).toEqual(invalid({ last_event_id: notAnId }))
    expect(await refused(open('?event=notification.sent,nothing'))).toEqual(
      invalid({ event: ['has an unknown event: "nothing"'] }),
    )
    expect(await refused(open('?event=notification.sent&event=nothing'))).toEqual(
      invalid({ event: ['has an unknown event: "nothing"'] }),
    )
    const head = await running.api.send(`/push/apps/${appId}/events/stream`, { method: 'HEAD' })
    expect(head.status).toBe(404)
  })

  test('so many at a time, and a place is free again when a client goes', async () => {
    const openUntil = (status: number) =>
      poll(
        async () => (await open()).response.status,
        (each) => each === status,
      )
    await openUntil(429)
    const share = await open()
    expect(share.response.headers.get('retry-after')).toBe('10')
    expect(await share.response.json()).toEqual({
      error: 'Too many event streams are open for this team',
      retry_after: 10,
    })
    // Its share is not all there is.
    const { key, api } = await makeKey(running, { team: 'another' })
    const other = (await api.post('/push/apps', { name: 'streamed' })).body.data.id
    const url = `${running.api.url}/api/v1/push/apps/${other}/events/stream`
    const theirs = await openEventStream(url, key)
    opened.push(theirs)
    expect(theirs.response.status).toBe(200)
    const refused = await open()
    expect(refused.response.status).toBe(503)
    expect(refused.response.headers.get('retry-after')).toBe('10')
    expect(await refused.response.json()).toEqual({
      error: 'Too many event streams are open',
      retry_after: 10,
    })
    for (const stream of opened) stream.cut()
    await poll(
      async () => (await open()).response.status,
      (status) => status === 200,
    )
  })

  test('a stream ends with its key, and with its app', async () => {
    const reader = await makeKey(running, { scopes: ['push:read'] })
    const stream = await open('', {}, reader.key)
    expect(stream.response.status).toBe(200)
    await revokeKey(running.service.deps.db, reader.id, new Date())
    await stream.ended
    const ofApp = await open()
    await running.api.delete(`/push/apps/${appId}`)
    await ofApp.ended
    expect(running.logs.filter(({ msg }) => msg === 'stream.failed')).toEqual([])
  })

  /** Opens a stream and takes nothing of what it gives. */
  const openStalled = async (after: string) => {
    const { hostname, port } = new URL(running.api.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.write(
      `GET /api/v1/push/apps/${appId}/events/stream?last_event_id=${after} HTTP/1.1\r\nhost: push\r\nauthorization: Bearer ${running.api.key}\r\n\r\n`,
    )
    await new Promise((resolve) => socket.once('readable', resolve))
    return socket
  }

  test('a stream that opens while the service drains ends too', async () => {
    const held = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const holding = running.service.deps.db.transaction().execute(async (trx) => {
      await sql`lock table apps in access exclusive mode`.execute(trx)
      held.resolve()
      await release.promise
    })
    await held.promise
    const opening = open('', { 'last-event-id': idOf(60_000) }).catch(() => null)
    // It arrives, and waits for the table.
    await sleep(100)
    const stopping = running.stop()
    await sleep(100)
    release.resolve()
    await Promise.all([holding, stopping])
    await (await opening)?.ended
    running = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: running.api.key }, undefined, {
      streams,
    })
  })

  test('streams end when the service drains, even one whose client takes nothing; the next service resumes', async () => {
    const start = idOf(60_000)
    const bulk = 'x'.repeat(16_000)
    // More than the sockets in between can hold.
    await running.service.deps.db
      .insertInto('events')
      .values(Array.from({ length: 600 }, () => makeEvent(newId(), 'notification.sent', { bulk })))
      .execute()
    const stalled = await openStalled(start)
    const stream = await open('', { 'last-event-id': start })
    const messages = await stream.waitFor(600)
    await running.stop()
    await stream.ended
    stalled.destroy()
    running = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: running.api.key }, undefined, {
      streams,
    })
    await emit(running.service, appId)
    const resumed = await open('', { 'last-event-id': messages.at(-1)!.id })
    const [row] = (await kept()).slice(-1)
    await poll(
      async () => resumed.messages(),
      (all) => all.some(({ id }) => id === row!.id),
    )
  })
})
