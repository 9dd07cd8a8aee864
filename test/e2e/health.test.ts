import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { alert } from '../../src/queues.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { deliveriesOf, emit, makeDue, waitingJobs } from '../support/database.ts'
import { type Receiver, respond, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'

const key = `kr_live_${randomBytes(32).toString('base64url')}`

describeOnEachBackend('health of a webhook', (make) => {
  let running: TestService
  let receiver: Receiver
  let appId: string

  let storage: TestStorage

  const start = () =>
    startTestService(storage, {
      KRAFTER_DISABLE_AFTER: '0',
      KRAFTER_RETRY_SCHEDULE: '0,0,0,0',
      KRAFTER_ALERT_WEBHOOK_URL: `${receiver.origin}/alert`,
      KRAFTER_BOOTSTRAP_API_KEY: key,
    })
  beforeAll(async () => {
    ;[receiver, storage] = await Promise.all([startReceiver(), make()])
    running = await start()
  })

  afterAll(async () => {
    await running.end()
    await receiver.stop()
  })

  beforeEach(async () => {
    receiver.requests.length = 0
    receiver.answer = respond(204)
    appId = (await running.api.post('/push/apps', { name: 'health' })).body.data.id
  })

  const makeWebhook = async (settings: Record<string, unknown> = {}) => {
    const body = { url: `${receiver.origin}/hook`, events: ['notification.sent'], ...settings }
    const { data } = (await running.api.post(`/push/apps/${appId}/webhooks`, body)).body
    return { id: data.id as string, path: `/push/apps/${appId}/webhooks/${data.id}` }
  }
  const read = async (path: string) => (await running.api.get(path)).body.data
  const db = () => running.service.deps.db
  const disable = async (path: string) => {
    // Alerts of other tests' webhooks come and go.
    receiver.answer = (received, response) =>
      respond(received.path === '/alert' ? 204 : 503)(received, response)
    await emit(running.service, appId, 3)
    return poll(
      () => read(path),
      (webhook) => !webhook.enabled,
    )
  }
  /** Those of this test's app: others may still be on their way. */
  const alerts = () => receiver.to('/alert').filter(({ body }) => body.includes(appId))
  const probes = () => waitingJobs(db(), 'probe-webhook')

  test('tells how it has answered: rates, durations, what waits', async () => {
    const { id, path } = await makeWebhook({ retry_schedule: [600] })
    expect(await read(`${path}/health`)).toEqual({
      window_seconds: 86_400,
      attempts: 0,
      success_rate: null,
      p50_ms: null,
      p95_ms: null,
      oldest_pending_at: null,
    })
    let answered = 0
    receiver.answer = (received, response) => respond(++answered === 1 ? 500 : 204)(received, response)
    await emit(running.service, appId, 4)
    await poll(
      () => deliveriesOf(db(), id),
      (rows) => rows.filter((row) => row.attempt_count === 1).length === 4,
    )
    const health = await read(`${path}/health`)
    expect(health).toMatchObject({ attempts: 4, success_rate: 0.75 })
    expect(health.p50_ms).toBeLessThanOrEqual(health.p95_ms)
    expect(health.oldest_pending_at).toMatch(/^\d{4}-.*Z$/)
    expect((await read(path)).last_triggered_at).toMatch(/^\d{4}-.*Z$/)
  })

  test('one disabled by its failures recovers when a probe is answered, if it was asked to', async () => {
    const { path } = await makeWebhook({ auto_recover: true })
    const disabled = await disable(path)
    expect(disabled.disabled_reason).toContain('failed')
    expect(disabled.disabled_at).toMatch(/Z$/)
    const [first] = await poll(probes, (jobs) => jobs.length === 1)
    expect(first!.waitSeconds).toBeGreaterThan(30)
    expect(first!.waitSeconds).toBeLessThanOrEqual(60)

    receiver.requests.length = 0
    await makeDue(db(), 'probe-webhook')
    const [request] = await receiver.waitFor(1, '/hook')
    expect(request!.headers).toMatchObject({
      'x-krafter-test': 'true',
      'x-krafter-event': 'notification.sent',
    })
    const [second] = await poll(probes, (jobs) => jobs.length === 1 && jobs[0]!.waitSeconds > 61)
    expect(second!.waitSeconds).toBeLessThanOrEqual(120)
    expect((await read(path)).enabled).toBe(false)

    // A later version signs its deliveries in another way: only that version can probe it.
    receiver.answer = respond(200)
    const setSignature = (signature: string) =>
      sql`update webhooks set signature = ${signature} where id = ${path.split('/').at(-1)!}`.execute(db())
    await setSignature('ml-dsa')
    await makeDue(db(), 'probe-webhook')
    await poll(probes, (jobs) => jobs.length === 1 && jobs[0]!.waitSeconds > 121)
    expect((await read(path)).enabled).toBe(false)
    await setSignature('hmac')

    await makeDue(db(), 'probe-webhook')
    const healed = await poll(
      () => read(path),
      (webhook) => webhook.enabled,
    )
    expect(healed).toMatchObject({ failure_count: 0, disabled_at: null, disabled_reason: null })
    receiver.requests.length = 0
    await emit(running.service, appId)
    expect((await receiver.waitFor(1, '/hook'))[0]!.headers['x-krafter-test']).toBeUndefined()
    expect(await probes()).toEqual([])
  })

  test('a probe and an alert whose process was killed are made by another', async () => {
    const { path } = await makeWebhook({ auto_recover: true })
    await disable(path)
    await poll(probes, (jobs) => jobs.length === 1)
    await poll(
      async () => alerts(),
      (requests) => requests.length > 0,
    )
    const [event] = (await running.api.get(`/push/apps/${appId}/events?event=webhook.disabled`)).body.data
    const message = { appId, eventId: event.id, attemptCount: 0 }
    await db()
      .transaction()
      .execute((trx) => running.service.deps.queue.enqueue(trx, alert, [{ message, delaySeconds: 600 }]))
    await sql`update pgboss.job set state = 'active', start_after = now(), started_on = now() - interval '10 seconds'
      where name in ('alert', 'probe-webhook')`.execute(db())
    await running.stop()
    receiver.requests.length = 0
    receiver.answer = respond(204)
    running = await start()
    await receiver.waitFor(1, '/hook')
    await receiver.waitFor(1, '/alert')
    await poll(
      () => read(path),
      (webhook) => webhook.enabled,
    )
  })

  test('one that was not asked to stays disabled, until it is asked', async () => {
    const { path } = await makeWebhook()
    await disable(path)
    expect(await probes()).toEqual([])
    await running.api.patch(path, { auto_recover: true })
    expect(await probes()).toHaveLength(1)
    // Enabled by hand meanwhile, it is no longer the probe's business.
    receiver.requests.length = 0
    receiver.answer = respond(500)
    await running.api.patch(path, { enabled: true })
    await makeDue(db(), 'probe-webhook')
    await poll(probes, (jobs) => jobs.length === 0)
    expect(receiver.to('/hook')).toEqual([])
  })

  test('one that its owner disabled is never probed', async () => {
    const { path } = await makeWebhook({ auto_recover: true })
    await running.api.patch(path, { enabled: false })
    await running.api.patch(path, { auto_recover: true })
    expect(await probes()).toEqual([])
  })

  test('one disabled by its failures or by 410 is told of, to the other webhooks that name it and the operator', async () => {
    const events = ['notification.sent', 'webhook.disabled']
    const broken = await makeWebhook({ url: `${receiver.origin}/broken?secret-path`, events })
    const gone = await makeWebhook({ url: `${receiver.origin}/gone`, events })
    await makeWebhook({ url: `${receiver.origin}/told`, events: ['webhook.disabled'] })
    await makeWebhook({ url: `${receiver.origin}/filtered`, events, filter: { reason: 'something else' } })
    await makeWebhook({ url: `${receiver.origin}/not-told` })
    receiver.answer = (received, response) => {
      // The first two alerts fail: they are tried again.
      const isBroken =
        received.path.startsWith('/broken') || (received.path === '/alert' && alerts().length <= 2)
      respond(isBroken ? 500 : received.path === '/gone' ? 410 : 204)(received, response)
    }
    await emit(running.service, appId, 2)
    const told = await receiver.waitFor(2, '/told')
    const [first, second] = await Promise.all([read(broken.path), read(gone.path)])
    const bodies = told.map(({ body }) => JSON.parse(body.toString()))
    for (const { app_id, id, url, disabled_at, disabled_reason, failure_count } of [first, second]) {
      const body = bodies.find(({ data }) => data.webhook_id === id)
      expect(body).toEqual({
        id: expect.any(String),
        event: 'webhook.disabled',
        timestamp: disabled_at,
        data: { app_id, webhook_id: id, url, reason: disabled_reason, failure_count: expect.any(Number) },
      })
      // What was under way then is counted, too, when it has failed.
      expect(body.data.failure_count).toBeGreaterThanOrEqual(1)
      expect(body.data.failure_count).toBeLessThanOrEqual(failure_count)
    }
    expect(first.disabled_reason).toContain(
      `${bodies.find(({ data }) => data.webhook_id === first.id).data.failure_count} attempts in a row failed`,
    )
    expect(second.disabled_reason).toBe('the receiver answered 410 Gone')

    const alerted = await poll(
      async () => alerts().map(({ body, headers }) => ({ body: body.toString(), headers })),
      (requests) => requests.length >= 4,
    )
    expect(new Set(alerted.map(({ body }) => body))).toEqual(new Set(told.map(({ body }) => body.toString())))
    for (const { body, headers } of alerted) {
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'x-krafter-event': 'webhook.disabled',
        'webhook-id': JSON.parse(body).id,
      })
      expect(headers).not.toHaveProperty('x-krafter-signature')
    }
    const named = receiver.requests.filter(({ headers }) => headers['x-krafter-event'] === 'webhook.disabled')
    for (const { path, body } of named) {
      expect(['/filtered', '/not-told']).not.toContain(path)
      expect(JSON.parse(body.toString()).data.url).not.toBe(`${receiver.origin}${path}`)
    }
    await poll(
      () => waitingJobs(db(), 'alert'),
      (jobs) => jobs.length === 0,
    )
    expect(alerts()).toHaveLength(4)
    expect(JSON.stringify(running.logs)).not.toContain('secret-path')
  })

  test('the operator is told of one that nobody else is told of', async () => {
    const { id, path } = await makeWebhook()
    await disable(path)
    const [alerted] = await poll(
      async () => alerts(),
      (requests) => requests.length > 0,
    )
    expect(JSON.parse(alerted!.body.toString())).toMatchObject({
      event: 'webhook.disabled',
      data: { webhook_id: id },
    })
  })

  test('an alert that nobody takes is given up with the schedule, and the log says so', async () => {
    const { path } = await makeWebhook()
    receiver.answer = respond(500)
    await emit(running.service, appId, 3)
    const logged = await poll(
      async () => running.logs.filter(({ msg, appId: id }) => msg === 'alert.failed' && id === appId),
      (lines) => lines.length > 0,
    )
    expect(logged).toEqual([expect.objectContaining({ attempt: 5, status: 500, error: 'status' })])
    expect(alerts()).toHaveLength(5)
    expect((await read(path)).enabled).toBe(false)
  })
})
