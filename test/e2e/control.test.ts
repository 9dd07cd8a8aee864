import { generate } from 'selfsigned'
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { emitEvents } from '../../src/deliveries/publish-event.ts'
import { startTlsServer } from '../../src/local-ends/tls-server.ts'
import { newId } from '../../src/platform/ids.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { attemptsOf, deliveriesOf, emit } from '../support/database.ts'
import { type Receiver, respond } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { useStage } from '../support/stage.ts'

const event = 'notification.sent' as const

describeOnEachBackend('control of a webhook', (make) => {
  const stage = useStage(make)
  let running: TestService
  let receiver: Receiver
  let appId: string

  beforeAll(() => {
    ;({ running, receiver } = stage)
  })

  beforeEach(async () => {
    receiver.requests.length = 0
    receiver.answer = respond(204)
    appId = (await running.api.post('/push/apps', { name: 'controlled' })).body.data.id
  })

  const makeWebhook = async (settings: Record<string, unknown>) => {
    const body = { url: `${receiver.origin}/hook`, events: [event], ...settings }
    const answer = await running.api.post(`/push/apps/${appId}/webhooks`, body)
    expect(answer.status).toBe(201)
    return answer.body.data
  }
  const settled = (webhookId: string, count: number) =>
    poll(
      () => deliveriesOf(running.service.deps.db, webhookId),
      (rows) => rows.length === count && rows.every((row) => row.status !== 'pending'),
    )

  test('settings are shown as they were set, header values masked, and can be taken back', async () => {
    const settings = {
      description: 'orders',
      retry_schedule: [1, 2],
      rate_limit: 5,
      max_in_flight: 2,
      headers: { Authorization: 'Bearer very-secret' },
      filter: { sent_count: { in: [1, 2] } },
      batch: { max_events: 10, max_wait_ms: 50 },
      auto_recover: true,
    }
    const made = await makeWebhook(settings)
    expect(made).toMatchObject({ ...settings, headers: { authorization: '***' } })
    const path = `/push/apps/${appId}/webhooks/${made.id}`
    expect((await running.api.get(path)).body.data).toEqual(made)
    const row = await running.service.deps.db
      .selectFrom('webhooks')
      .select('header_values')
      .where('id', '=', made.id)
      .executeTakeFirstOrThrow()
    expect(Buffer.from(row.header_values!).toString()).not.toContain('very-secret')

    const renamed = await running.api.patch(path, { description: 'invoices' })
    expect(renamed.body.data).toMatchObject({ ...settings, description: 'invoices', headers: made.headers })
    const cleared = Object.fromEntries(Object.keys(settings).map((name) => [name, null]))
    const reset = await running.api.patch(path, { ...cleared, auto_recover: false })
    expect(reset.body.data).toMatchObject({ ...cleared, headers: {}, auto_recover: false })
  })

  test.each([
    ['retry_schedule', [604_801]],
    ['rate_limit', 0],
    ['max_in_flight', 1_000],
    ['headers', { 'webhook-id': 'mine' }],
    ['headers', { 'x-a': 'b\r\nx-c: d' }],
    ['filter', { nothing: 1 }],
    ['batch', { max_events: 1 }],
    ['ca_pem', 'no certificate'],
  ])('%s that means nothing is refused, and nothing is changed', async (name, value) => {
    const made = await makeWebhook({})
    const path = `/push/apps/${appId}/webhooks`
    const attempts = [
      await running.api.post(path, { url: made.url, [name]: value }),
      await running.api.patch(`${path}/${made.id}`, { [name]: value }),
    ]
    for (const { status, body } of attempts) {
      expect(status).toBe(422)
      expect(Object.keys(body.details)[0]).toMatch(new RegExp(`^${name}`))
    }
    expect((await running.api.get(path)).body.data).toEqual([made])
  })

  test('its own authority is trusted for it alone, also where another has a connection', async () => {
    const own = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    })
    const seen: string[] = []
    const server = await startTlsServer({ key: own.private, cert: own.cert }, ({ path }, response) => {
      seen.push(path)
      response.writeHead(204).end()
    })
    onTestFinished(() => server.stop())
    const trusting = await makeWebhook({ url: `${server.origin}/trusting`, ca_pem: own.cert })
    expect(trusting.ca_pem).toContain('BEGIN CERTIFICATE')
    const plain = await makeWebhook({ url: `${server.origin}/plain`, retry_schedule: [] })
    const path = `/push/apps/${appId}/webhooks`
    const test = async (id: string) => (await running.api.post(`${path}/${id}/test`, {})).body.data
    for (let i = 0; i < 2; i += 1) {
      expect(await test(trusting.id)).toMatchObject({ status: 204 })
      expect(await test(plain.id)).toMatchObject({ error: 'tls', reason: 'the certificate is self-signed' })
    }
    await emit(running.service, appId)
    expect(await settled(trusting.id, 1)).toMatchObject([{ status: 'succeeded' }])
    expect(await settled(plain.id, 1)).toMatchObject([{ status: 'failed' }])
    expect(new Set(seen)).toEqual(new Set(['/trusting']))
    const elsewhere = await makeWebhook({ ca_pem: own.cert, retry_schedule: [] })
    expect(await test(elsewhere.id)).toMatchObject({
      error: 'tls',
      reason: expect.stringMatching('unknown authority'),
    })
    const changed = await running.api.patch(`${path}/${trusting.id}`, { ca_pem: null })
    expect(changed.body.data).toMatchObject({ ca_pem: null })
    expect(await test(trusting.id)).toMatchObject({ error: 'tls' })
  })

  test('its own retry schedule replaces that of the install', async () => {
    receiver.answer = respond(500)
    const { id } = await makeWebhook({ retry_schedule: [0] })
    const once = await makeWebhook({ url: `${receiver.origin}/once`, retry_schedule: [] })
    await emit(running.service, appId)
    expect(await settled(id, 1)).toMatchObject([{ status: 'failed', attempt_count: 2 }])
    expect(await settled(once.id, 1)).toMatchObject([{ status: 'failed', attempt_count: 1 }])
  })

  test('its own headers are sent, and none goes over ours', async () => {
    await makeWebhook({ headers: { authorization: 'Bearer abc', 'x-tenant': '7' } })
    await emit(running.service, appId)
    const [request] = await receiver.waitFor(1)
    expect(request!.headers).toMatchObject({
      authorization: 'Bearer abc',
      'x-tenant': '7',
      'content-type': 'application/json',
      'x-krafter-event': event,
    })
  })

  test('only events that its filter lets pass are delivered; the others are kept', async () => {
    const { id } = await makeWebhook({ filter: { not: { failed_count: 0 } } })
    const { deps } = running.service
    const occurredAt = deps.clock.now()
    const events = [0, 3].map((failed_count) => ({
      appId,
      type: event,
      occurredAt,
      data: {
        notification_id: newId(),
        app_id: appId,
        title: 'x',
        sent_count: 1,
        failed_count,
        pending_count: 0,
      },
    }))
    await deps.db.transaction().execute((trx) => emitEvents(trx, events))
    await settled(id, 1)
    expect(receiver.requests.map(({ body }) => JSON.parse(body.toString()).data.failed_count)).toEqual([3])
    const kept = await deps.db.selectFrom('events').select('id').where('app_id', '=', appId).execute()
    expect(kept).toHaveLength(2)
  })

  test('no more attempts at a time than it allows', async () => {
    let open = 0
    let most = 0
    receiver.answer = (_, response) => {
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        response.writeHead(204).end()
      }, 5)
    }
    const { id } = await makeWebhook({ max_in_flight: 2 })
    await emit(running.service, appId, 60)
    await settled(id, 60)
    expect(most).toBeLessThanOrEqual(2)
    expect(receiver.requests).toHaveLength(60)
  })

  test('no more requests a second than it allows, and none is failed for that', async () => {
    const { id } = await makeWebhook({ rate_limit: 20 })
    await emit(running.service, appId, 50)
    const rows = await settled(id, 50)
    expect(rows.every((row) => row.status === 'succeeded' && row.attempt_count === 1)).toBe(true)
    // Any second's worth is at most the rate and its burst of a tenth of a second.
    const attempts = await attemptsOf(running.service.deps.db, id)
    const times = attempts.map(({ started_at }) => started_at.getTime()).sort((a, b) => a - b)
    for (const [index, at] of times.entries()) {
      const within = times.slice(index).filter((other) => other - at < 1_000).length
      // What is let go evenly starts in bunches on a busy machine; a tenth more is that.
      expect(within).toBeLessThanOrEqual(26)
    }
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(2_000)
  })

  test('several events go in one request, each counted as delivered', async () => {
    const secret = 'a secret'
    const { id } = await makeWebhook({ batch: { max_events: 20, max_wait_ms: 200 }, secret })
    await emit(running.service, appId, 50)
    const rows = await settled(id, 50)
    expect(rows.every((row) => row.status === 'succeeded')).toBe(true)
    const events = receiver.requests.flatMap(({ headers, body }) => {
      const list = JSON.parse(body.toString())
      expect(headers['x-krafter-batch']).toBe(String(list.length))
      expect(headers['x-krafter-event']).toBe('batch')
      expect(list.length).toBeLessThanOrEqual(20)
      return list
    })
    expect(new Set(events.map((each) => each.id)).size).toBe(50)
    expect(events[0]).toMatchObject({ event, data: {} })
    expect(receiver.requests.length).toBeLessThanOrEqual(10)
    const attempts = await attemptsOf(running.service.deps.db, id)
    expect(attempts).toHaveLength(50)
    expect(new Set(attempts.map((attempt) => attempt.id)).size).toBe(receiver.requests.length)
  })

  test('a lone event of a batching webhook waits no longer than it says', async () => {
    await makeWebhook({ batch: { max_events: 100, max_wait_ms: 100 } })
    await emit(running.service, appId)
    const [request] = await receiver.waitFor(1)
    expect(request!.headers['x-krafter-batch']).toBe('1')
    expect(JSON.parse(request!.body.toString())).toHaveLength(1)
  })

  test('a batch that fails counts as one failure and is tried again', async () => {
    let failures = 1
    receiver.answer = (received, response) => respond(failures-- > 0 ? 500 : 204)(received, response)
    const { id } = await makeWebhook({ batch: { max_events: 10, max_wait_ms: 300 } })
    await emit(running.service, appId, 10)
    const rows = await settled(id, 10)
    expect(rows.every((row) => row.status === 'succeeded' && row.attempt_count === 2)).toBe(true)
    const webhook = await running.api.get(`/push/apps/${appId}/webhooks/${id}`)
    expect(webhook.body.data.failure_count).toBe(0)
    expect(webhook.body.data.last_triggered_at).toMatch(/Z$/)
  })

  test('settings that change take hold of what is waiting', async () => {
    const { id } = await makeWebhook({ rate_limit: 1 })
    await emit(running.service, appId, 30)
    await receiver.waitFor(1)
    await running.api.patch(`/push/apps/${appId}/webhooks/${id}`, { rate_limit: null })
    await settled(id, 30)
    expect(receiver.requests).toHaveLength(30)
  })

  test('a batch is as long as it may be, and the rest follows at once', async () => {
    const batch = { max_events: 10, max_wait_ms: 60_000, max_bytes: 1_024 }
    const { id } = await makeWebhook({ batch })
    await emit(running.service, appId, 10)
    await settled(id, 10)
    const bodies = receiver.requests.map(({ body }) => body.toString())
    expect(
      bodies.flatMap((body) => JSON.parse(body).map(({ data }: { data: { n: number } }) => data.n)).sort(),
    ).toEqual(Array.from({ length: 10 }, (_, n) => n))
    for (const body of bodies) expect(body.length).toBeLessThanOrEqual(1_024)
    expect(bodies.length).toBeLessThanOrEqual(3)
  })

  test('a batch answered 413 is halved until it fits, which is no failure of its events', async () => {
    const batch = { max_events: 20, max_wait_ms: 60_000 }
    const { id } = await makeWebhook({ batch })
    const takes = 700
    receiver.answer = (received, response) =>
      respond(received.body.length > takes ? 413 : 204)(received, response)
    await emit(running.service, appId, 20)
    await settled(id, 20)
    const sizes = receiver.requests.map(({ body }) => body.length)
    const taken = receiver.requests.filter(({ body }) => body.length <= takes)
    const numbers = taken.flatMap(({ body }) =>
      JSON.parse(body.toString()).map(({ data }: { data: { n: number } }) => data.n),
    )
    expect(numbers.sort((a: number, b: number) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    // Once it is known what fits, nothing larger is tried.
    expect(sizes.findLastIndex((size) => size > takes)).toBeLessThan(5)
    const path = `/push/apps/${appId}/webhooks/${id}`
    expect((await running.api.get(path)).body.data).toMatchObject({
      failure_count: 0,
      batch: { ...batch, max_bytes: 262_144 },
    })
    const { db } = running.service.deps
    expect((await attemptsOf(db, id)).map(({ response_status }) => response_status)).toEqual(
      Array(20).fill(204),
    )
    expect(running.logs).toContainEqual(
      expect.objectContaining({ msg: 'delivery.batch_too_large', webhookId: id, events: 20 }),
    )
  })

  test('an event that is too large alone fails like any other', async () => {
    receiver.answer = respond(413)
    const { id } = await makeWebhook({ batch: { max_events: 2, max_wait_ms: 0 }, retry_schedule: [] })
    await emit(running.service, appId, 2)
    expect(await settled(id, 2)).toMatchObject(Array(2).fill({ status: 'failed', attempt_count: 1 }))
  })
})
