import { Webhook } from 'standardwebhooks'
import { beforeAll, expect, test } from 'vitest'
import { testDeliveryShape } from '../../src/deliveries/test/test-delivery-schema.ts'
import { catalog, type EventType, eventTypes } from '../../src/events/catalog.ts'
import { newId } from '../../src/platform/ids.ts'
import { version } from '../../src/version.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { deliveriesOf } from '../support/database.ts'
import { type Receiver, respond } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { expectShape } from '../support/shapes.ts'
import { useStage } from '../support/stage.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const deliveryTimeoutMs = 500

describeOnEachBackend('a test delivery', (make) => {
  // The role `api` alone: nobody else would send it.
  const stage = useStage(
    make,
    { KRAFTER_DELIVERY_TIMEOUT_MS: String(deliveryTimeoutMs), KRAFTER_RATE_LIMIT_STRICT: '1000' },
    ['api'],
  )
  let running: TestService
  let receiver: Receiver
  let appId: string

  beforeAll(async () => {
    ;({ running, receiver } = stage)
    appId = (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
  })

  const makeWebhook = async (fields: object = {}): Promise<{ id: string; path: string; at: string }> => {
    const at = `/${newId()}`
    const url = `${receiver.origin}${at}`
    const made = await running.api.post(`/push/apps/${appId}/webhooks`, { url, secret, ...fields })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    const { id } = made.body.data
    return { id, path: `/push/apps/${appId}/webhooks/${id}`, at }
  }

  test('is a real delivery of each event, and says that it is a test', async () => {
    const { id, path, at } = await makeWebhook({ headers: { authorization: 'Bearer of good news' } })
    receiver.answer = respond(202, {}, 'thanks')
    for (const event of eventTypes) {
      const { status, body, headers } = await running.api.post(`${path}/test`, { event })
      expect(status).toBe(200)
      expect(headers.get('x-ratelimit-limit')).toBe('1000')
      expectShape(body.data, testDeliveryShape)
      const request = receiver.to(at).at(-1)!
      expect(body.data).toEqual({
        status: 202,
        duration_ms: expect.any(Number),
        error: null,
        reason: null,
        response_body: 'thanks',
        request_headers: {
          authorization: '***',
          'content-type': 'application/json',
          'user-agent': `Krafter-Push/${version}`,
          'x-krafter-event': event,
          'x-krafter-webhook-id': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4/),
          'x-krafter-signature': expect.stringMatching(/^sha256=/),
          'webhook-id': expect.any(String),
          'webhook-timestamp': expect.any(String),
          'webhook-signature': expect.stringMatching(/^v1,/),
          'x-krafter-test': 'true',
        },
      })
      const sent = body.data.request_headers
      expect(request.headers).toMatchObject({ ...sent, authorization: 'Bearer of good news' })
      const verified = new Webhook(secret).verify(
        request.body,
        request.headers as Record<string, string>,
      ) as Record<string, unknown>
      expect(verified).toEqual({
        id: sent['webhook-id'],
        event,
        timestamp: expect.any(String),
        data: expect.any(Object),
      })
      const data = catalog[event as EventType].strict().parse(verified.data)
      expect(data.app_id).toBe(appId)
    }
    const ids = receiver.to(at).map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids).size).toBe(eventTypes.length)
    expect(await deliveriesOf(running.service.deps.db, id)).toEqual([])
  })

  test('sends the first event that the webhook names, unless told otherwise', async () => {
    receiver.answer = respond(204)
    const named = await makeWebhook({ events: ['subscriber.registered', 'notification.sent'] })
    const unnamed = await makeWebhook()
    await running.api.post(`${named.path}/test`, {})
    await running.api.post(`${named.path}/test`, { event: 'notification.clicked' })
    await running.api.post(`${unnamed.path}/test`, {})
    const eventsAt = (at: string) => receiver.to(at).map(({ headers }) => headers['x-krafter-event'])
    expect(eventsAt(named.at)).toEqual(['subscriber.registered', 'notification.clicked'])
    expect(eventsAt(unnamed.at)).toEqual(['notification.sent'])
  })

  test('takes the form of a batch where deliveries do', async () => {
    receiver.answer = respond(204)
    const { path, at } = await makeWebhook({ batch: { max_events: 10, max_wait_ms: 0 } })
    await running.api.post(`${path}/test`, {})
    const [{ headers, body }] = receiver.to(at) as [Receiver['requests'][number]]
    expect(headers).toMatchObject({
      'x-krafter-event': 'batch',
      'x-krafter-batch': '1',
      'x-krafter-test': 'true',
    })
    expect(JSON.parse(body.toString())).toMatchObject([
      { event: 'notification.sent', data: { app_id: appId } },
    ])
  })

  test('tells of a failure, and counts it nowhere; disabled webhooks can be tested', async () => {
    const { path } = await makeWebhook({ enabled: false })
    const untouched = (await running.api.get(path)).body.data
    receiver.answer = respond(500, {}, 'x'.repeat(2_000))
    expect((await running.api.post(`${path}/test`, {})).body.data).toMatchObject({
      status: 500,
      error: 'status',
      response_body: 'x'.repeat(1_024),
    })
    receiver.answer = respond(410)
    expect((await running.api.post(`${path}/test`, {})).body.data).toMatchObject({
      status: 410,
      error: 'status',
    })
    receiver.answer = () => {}
    expect((await running.api.post(`${path}/test`, {})).body.data).toMatchObject({
      status: null,
      error: 'timeout',
      reason: 'no complete answer came in time',
      response_body: null,
    })
    expect((await running.api.get(path)).body.data).toEqual(untouched)
    expect(running.logs.filter(({ msg }) => msg === 'webhook.tested').length).toBeGreaterThan(2)
  })

  test('no address is asked that the guard refuses, although it was stored', async () => {
    const { id, path } = await makeWebhook()
    await running.service.deps.db
      .updateTable('webhooks')
      .set({ url: 'https://10.0.0.1/' })
      .where('id', '=', id)
      .execute()
    expect((await running.api.post(`${path}/test`, {})).body.data).toMatchObject({
      status: null,
      error: 'refused_address',
    })
  })

  test('bad input', async () => {
    const { path } = await makeWebhook()
    const bad = await running.api.post(`${path}/test`, { event: 'order.shipped' })
    expect(bad).toMatchObject({
      status: 422,
      body: { details: { event: [expect.stringMatching(/^must be one of notification.sent/)] } },
    })
    for (const body of ['null', '[]', '"x"']) {
      const answer = await running.api.send(`${path}/test`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      expect(answer).toMatchObject({ status: 400, body: { error: 'Request body must be a JSON object' } })
    }
    const gone = await running.api.post(`/push/apps/${appId}/webhooks/${newId()}/test`, {})
    expect(gone).toMatchObject({ status: 404, body: { error: 'Not found' } })
  })
})
