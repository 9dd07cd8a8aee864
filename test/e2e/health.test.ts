import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { deliveriesOf, emit, makeDue, waitingJobs } from '../support/database.ts'
import { type Receiver, respond, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'

describeOnEachBackend('health of a webhook', (make) => {
  let storage: TestStorage
  let running: TestService
  let receiver: Receiver
  let appId: string

  beforeAll(async () => {
    storage = await make()
    ;[running, receiver] = await Promise.all([
      startTestService(storage, { KRAFTER_DISABLE_AFTER: '0', KRAFTER_RETRY_SCHEDULE: '0,0,0,0' }),
      startReceiver(),
    ])
  })

  afterAll(async () => {
    await running.stop()
    await receiver.stop()
    await storage.drop()
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
    receiver.answer = respond(503)
    await emit(running.service, appId, 3)
    return poll(
      () => read(path),
      (webhook) => !webhook.enabled,
    )
  }
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
    expect(first!.waitSeconds).toBeGreaterThan(40)
    expect(first!.waitSeconds).toBeLessThanOrEqual(60)

    receiver.requests.length = 0
    await makeDue(db(), 'probe-webhook')
    const [request] = await receiver.waitFor(1)
    expect(request!.headers).toMatchObject({
      'x-krafter-test': 'true',
      'x-krafter-event': 'notification.sent',
    })
    const [second] = await poll(probes, (jobs) => jobs.length === 1 && jobs[0]!.waitSeconds > 61)
    expect(second!.waitSeconds).toBeLessThanOrEqual(120)
    expect((await read(path)).enabled).toBe(false)

    receiver.answer = respond(200)
    await makeDue(db(), 'probe-webhook')
    const healed = await poll(
      () => read(path),
      (webhook) => webhook.enabled,
    )
    expect(healed).toMatchObject({ failure_count: 0, disabled_at: null, disabled_reason: null })
    receiver.requests.length = 0
    await emit(running.service, appId)
    expect((await receiver.waitFor(1))[0]!.headers['x-krafter-test']).toBeUndefined()
    expect(await probes()).toEqual([])
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
    expect(receiver.requests).toEqual([])
  })

  test('one that its owner disabled is never probed', async () => {
    const { path } = await makeWebhook({ auto_recover: true })
    await running.api.patch(path, { enabled: false })
    await running.api.patch(path, { auto_recover: true })
    expect(await probes()).toEqual([])
  })
})
