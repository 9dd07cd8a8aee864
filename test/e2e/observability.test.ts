import { expect, test } from 'vitest'
import { idempotencyUpkeep } from '../../src/pipeline.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { hasPromtool, noPromtool, promtool } from '../support/promtool.ts'
import { respond } from '../support/receiver.ts'
import { useStage } from '../support/stage.ts'

describeOnEachBackend(
  'what can be observed',
  (make) => {
    const stage = useStage(make)
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
  },
  { together: true },
)
