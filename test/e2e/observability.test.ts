import { afterAll, describe, expect, test } from 'vitest'
import { idempotencyUpkeep } from '../../src/queues.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { type ReceivedSpan, startCollector } from '../support/otlp.ts'
import { hasPromtool, noPromtool, promtool } from '../support/promtool.ts'
import { respond } from '../support/receiver.ts'
import { useStage } from '../support/stage.ts'

const collector = await startCollector()
afterAll(() => collector.stop())

describeOnEachBackend(
  'what can be observed',
  (make) => {
    const stage = useStage(make, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of%20traces',
      OTEL_SERVICE_NAME: 'push-under-test',
    })
    const scrape = async () => (await fetch(`${stage.running.api.url}/metrics`)).text()
    /** The value of one series, written as `/metrics` writes it. */
    const readSeries = async (series: string) => {
      const line = (await scrape()).split('\n').find((each) => each.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    }

    test.skipIf(!hasPromtool)(
      `promtool finds no fault with the metrics${hasPromtool ? '' : `: ${noPromtool}`}`,
      async () => {
        expect(promtool(['check', 'metrics'], await scrape())).toBe('')
      },
    )

    test('counters are there before they count, so that the first failure is an increase', async () => {
      const text = await scrape()
      for (const series of [
        'krafter_push_delivery_attempts_total{outcome="refused_address"} 0',
        'krafter_push_pushes_total{platform="web",outcome="rejected"} 0',
        'krafter_push_notifications_completed_total{status="failed"} 0',
        'krafter_push_receipts_total{kind="clicked"} 0',
        'krafter_push_queue_depth{queue="dead-letter"} 0',
        'krafter_push_http_request_duration_seconds_count{method="POST",route="/api/v1/push/apps/:app_id/notifications",status="5xx"} 0',
      ]) {
        expect(text).toContain(`\n${series}\n`)
      }
      const { version, backend } = stage.running.service.deps
      const build = `version="${version}",node="${process.versions.node}",database="${backend}"`
      expect(text).toContain(`\nkrafter_push_build_info{${build}} 1\n`)
      expect(text).toContain('\nkrafter_push_database_up 1\n')
      expect(text).toContain('\nkrafter_push_lane_buckets 64\n')
    })

    test('requests are measured by route and class of status', async () => {
      const series = (status: string) =>
        `krafter_push_http_request_duration_seconds_count{method="GET",route="/api/v1/push/apps/:app_id",status="${status}"}`
      await stage.running.api.get(`/push/apps/${crypto.randomUUID()}`)
      await poll(
        () => readSeries(series('4xx')),
        (count) => count === 1,
      )
      expect(await readSeries(series('2xx'))).toBe(0)
    })

    test('what is due and not done shows, and so do its lane and the connections', async () => {
      const { api, service } = stage.running
      const appId = (await api.post('/push/apps', { name: 'late' })).body.data.id
      const url = `${stage.receiver.origin}/late`
      await api.post(`/push/apps/${appId}/webhooks`, { url, events: ['notification.sent'] })
      const oldest = () => readSeries('krafter_push_oldest_due_seconds{kind="deliveries"}')
      expect(await readSeries('krafter_push_oldest_due_seconds{kind="sending"}')).toBe(0)
      const held = Promise.withResolvers<void>()
      stage.receiver.answer = (request, response) =>
        void held.promise.then(() => respond(204)(request, response))
      await emit(service, appId)
      await poll(oldest, (seconds) => seconds! > 0.5)
      expect(await readSeries('krafter_push_lanes{kind="deliveries"}')).toBe(1)
      held.resolve()
      await poll(oldest, (seconds) => seconds === 0)
      const limit = (await readSeries('krafter_push_database_connections_limit'))!
      expect(limit).toBe(service.deps.backend === 'pglite' ? 1 : 10)
      const [inUse, idle] = [
        await readSeries('krafter_push_database_connections{state="in_use"}'),
        await readSeries('krafter_push_database_connections{state="idle"}'),
      ]
      expect(inUse! + idle!).toBeGreaterThan(0)
      expect(inUse! + idle!).toBeLessThanOrEqual(limit)
      expect(await readSeries('krafter_push_database_waiting')).toBe(0)
    })

    test('every process shows when upkeep last succeeded in any', async () => {
      const { db, queue, clock } = stage.running.service.deps
      const last = () =>
        readSeries('krafter_push_upkeep_last_success_timestamp_seconds{task="idempotency-upkeep"}')
      expect(await readSeries('krafter_push_upkeep_last_success_timestamp_seconds{task="retention"}')).toBe(0)
      const before = clock.now().getTime() / 1_000
      await db.transaction().execute((trx) => queue.enqueue(trx, idempotencyUpkeep, [{ message: {} }]))
      await poll(last, (at) => at! >= before)
    })

    describe('traces', () => {
      const makeApp = async () => {
        const { api, pushService } = { ...stage, api: stage.api }
        const appId = (await api.post('/push/apps', { name: 'traced' })).body.data.id as string
        const { registration } = pushService.makeDevice('ada')
        await api.post(`/push/apps/${appId}/subscribers`, { ...registration, user_id: 'ada' })
        return `/push/apps/${appId}`
      }
      const makeWebhook = async (app: string, path: string, settings: object) => {
        const body = { url: `${stage.receiver.origin}${path}`, events: ['notification.sent'], ...settings }
        return (await stage.api.post(`${app}/webhooks`, body)).body.data
      }
      const steps = ['accept', 'resolve', 'send', 'record', 'deliver']
      const orderOf = ({ name, attributes }: ReceivedSpan) =>
        steps.indexOf(name) * 100 + Number(attributes['krafter.attempt'] ?? 0)
      const stepsOf = async (traceId: string, count: number) => {
        const spans = await poll(
          async () => collector.spansOf(traceId),
          (found) => found.length >= count,
        )
        return spans.toSorted((a, b) => orderOf(a) - orderOf(b))
      }

      test('a notification is one trace, which its receiver and its caller can join', async () => {
        const app = await makeApp()
        const webhook = await makeWebhook(app, '/traced', { secret: 'of the receiver', traceparent: true })
        expect(webhook.traceparent).toBe(true)
        await makeWebhook(app, '/untraced', {})
        stage.receiver.answer = (request, response) =>
          respond(request.path === '/traced' && stage.receiver.to('/traced').length === 1 ? 503 : 204)(
            request,
            response,
          )
        stage.receiver.requests.length = 0
        const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
        const { data } = (
          await stage.api.post(
            `${app}/notifications`,
            { title: 'Secret title', targeting: { type: 'user_ids', ids: ['ada'] } },
            { traceparent: `00-${caller.traceId}-${caller.spanId}-01` },
          )
        ).body
        const traceId = data.id.replaceAll('-', '')
        const [first, second] = await stage.receiver.waitFor(2, '/traced')
        await stage.receiver.waitFor(1, '/untraced')
        const spans = await stepsOf(traceId, 7)

        expect(spans.map(({ name }) => name)).toEqual([
          'accept',
          'resolve',
          'send',
          'record',
          'deliver',
          'deliver',
          'deliver',
        ])
        const [accept, resolve, send] = spans
        expect(accept!.parentSpanId).toBeUndefined()
        expect(accept!.links).toMatchObject([caller])
        expect(new Set(spans.slice(1).map(({ parentSpanId }) => parentSpanId))).toEqual(
          new Set([accept!.spanId]),
        )
        expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(7)
        expect(resolve!.attributes).toMatchObject({ 'krafter.subscribers': 1 })
        expect(send!.attributes).toMatchObject({
          'krafter.sent': 1,
          'krafter.failed': 0,
          'krafter.attempt': 1,
        })
        const deliveries = spans.filter(({ attributes }) => attributes['krafter.webhook_id'] === webhook.id)
        expect(
          deliveries.map(({ attributes, status }) => [
            attributes['krafter.attempt'],
            attributes['http.response.status_code'],
            status.message,
          ]),
        ).toEqual([
          [1, 503, 'the receiver answered 503'],
          [2, 204, undefined],
        ])
        expect([first, second].map((request) => request!.headers.traceparent)).toEqual(
          deliveries.map(({ spanId }) => `00-${traceId}-${spanId}-01`),
        )
        expect(new Set([first, second].map((request) => request!.headers['x-krafter-signature'])).size).toBe(
          1,
        )
        expect(stage.receiver.to('/untraced')[0]!.headers.traceparent).toBeUndefined()
        expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(['push-under-test']))
        expect(collector.requests.every(({ headers }) => headers.authorization === 'Bearer of traces')).toBe(
          true,
        )
        expect(collector.requests.some(({ body }) => body.includes('Secret title'))).toBe(false)
        for (const { startTimeUnixNano, endTimeUnixNano } of spans) {
          expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano))
        }
      })

      test('one to everybody is resolved into batches, and each of its batches is a step', async () => {
        const app = await makeApp()
        const { id } = (await stage.api.post(`${app}/notifications`, { title: 'for all' })).body.data
        const spans = await stepsOf(id.replaceAll('-', ''), 4)
        expect(spans.map(({ name }) => name)).toEqual(['accept', 'resolve', 'send', 'record'])
        expect(spans[1]!.attributes).toMatchObject({ 'krafter.subscribers': 1, 'krafter.batches': 1 })
      })

      test('any other event has a trace of its own', async () => {
        const app = await makeApp()
        await makeWebhook(app, '/own', { events: ['subscriber.registered'], traceparent: true })
        await stage.api.post(`${app}/subscribers`, stage.pushService.makeDevice('grace').registration)
        const [request] = await stage.receiver.waitFor(1, '/own')
        const traceId = String(request!.headers['webhook-id']).replaceAll('-', '')
        const [span] = await stepsOf(traceId, 1)
        expect(request!.headers.traceparent).toBe(`00-${traceId}-${span!.spanId}-01`)
        expect(span).not.toHaveProperty('parentSpanId')
      })

      test('a webhook that takes batches cannot join one trace', async () => {
        const app = await makeApp()
        const batch = { max_events: 5, max_wait_ms: 10 }
        const reason = 'cannot be combined: the events of a batch belong to different traces'
        const url = `${stage.receiver.origin}/hook`
        expect(
          (await stage.api.post(`${app}/webhooks`, { url, batch, traceparent: true })).body.details,
        ).toEqual({
          traceparent: [`and batch ${reason}`],
        })
        const { id } = await makeWebhook(app, '/hook', { traceparent: true })
        const patch = async (change: object) => (await stage.api.patch(`${app}/webhooks/${id}`, change)).body
        expect((await patch({ batch })).details).toEqual({ batch: [`and traceparent ${reason}`] })
        expect((await patch({ batch, traceparent: false })).data).toMatchObject({ batch, traceparent: false })
      })
    })
  },
  { together: true },
)
