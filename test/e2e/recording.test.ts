import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { deliver } from '../../src/pipeline.ts'
import type { Db } from '../../src/platform/db.ts'
import type { Attempt } from '../../src/webhooks/attempt-delivery.ts'
import { type ClaimedDelivery, toClaimedDeliveries } from '../../src/webhooks/claimed-delivery.ts'
import { classifyResponse } from '../../src/webhooks/classify-response.ts'
import { readDueDeliveries } from '../../src/webhooks/delivery-store.ts'
import { createResultBuffer, type ResultBuffer } from '../../src/webhooks/result-buffer.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import {
  attemptsOf,
  claimedJobs,
  deliveriesOf,
  emit,
  takeOverClaims,
  waitingDeliveries,
} from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

describeOnEachBackend('the record of deliveries', (make) => {
  let storage: TestStorage
  let running: TestService
  let db: Db
  let appId: string
  let webhookId: string
  let results: ResultBuffer

  beforeAll(async () => {
    storage = await make()
    // The test does what the pump does.
    running = await startTestService(storage, { KRAFTER_RETRY_SCHEDULE: '60,60,60,60' }, ['api'])
    db = running.service.deps.db
  })
  afterAll(async () => {
    await running.stop()
    await storage.drop()
  })
  beforeEach(async () => {
    appId = (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
    const webhook = { url: 'https://127.0.0.1/hook', events: ['notification.sent'] }
    webhookId = (await running.api.post(`/push/apps/${appId}/webhooks`, webhook)).body.data.id
    results = createResultBuffer(running.service.deps, () => {})
  })

  const claim = async () => {
    const jobs = await running.service.deps.queue.claim(deliver, 100, [])
    return jobs.flatMap(toClaimedDeliveries)
  }
  const readDue = async (claimed: readonly ClaimedDelivery[]) => {
    const due = await readDueDeliveries(db, claimed, running.service.deps.clock.now())
    return new Map(due.map((delivery) => [delivery.id, delivery]))
  }
  /** Makes an attempt of each, answered with `status`. @returns records them */
  const attempt = async (claimed: readonly ClaimedDelivery[], status: number) => {
    const due = await readDue(claimed)
    const answered = (): Attempt => ({
      id: randomUUID(),
      startedAt: new Date(),
      durationMs: 5,
      outcome: classifyResponse(
        { ok: true, answer: { status, headers: {}, body: Buffer.from('') } },
        new Date(),
      ),
      requestHeaders: {},
    })
    return () => {
      for (const each of claimed) {
        results.add({ kind: 'attempted', claimed: each, delivery: due.get(each.id)!, attempt: answered() })
      }
      return results.drain()
    }
  }
  const waiting = async () => {
    const ours = new Set((await deliveriesOf(db, webhookId)).map(({ id }) => id))
    return (await waitingDeliveries(db)).map(({ id }) => id).filter((id) => ours.has(id))
  }
  const statuses = async (of: readonly ClaimedDelivery[]) => {
    const byId = new Map((await deliveriesOf(db, webhookId)).map(({ id, status }) => [id, status]))
    return of.map(({ id }) => byId.get(id))
  }

  test('many deliveries of a webhook are one job, which ends with the last of them', async () => {
    await emit(running.service, appId, 16)
    const claimed = await claim()
    expect(claimed).toHaveLength(16)
    expect(await claimedJobs(db, 'deliver')).toBe(1)

    await (await attempt(claimed.slice(0, 15), 204))()
    expect(await claimedJobs(db, 'deliver')).toBe(1)
    await (await attempt(claimed.slice(15), 204))()
    expect(await claimedJobs(db, 'deliver')).toBe(0)
    expect(await statuses(claimed)).toEqual(Array(16).fill('succeeded'))
  })

  test('of a job whose process died, what is recorded is not attempted again', async () => {
    await emit(running.service, appId, 3)
    const [done, failed, open] = await claim()
    await (await attempt([done!], 204))()
    await (await attempt([failed!], 500))()
    await takeOverClaims(db)

    const again = await claim()
    expect(again.map(({ id }) => id)).toEqual([done!.id, failed!.id, open!.id])
    const due = await readDue(again)
    expect([...due.keys()]).toEqual([open!.id])
    // As the pump does with what is not due. The one that waits for its second attempt has a job of its own.
    for (const claimed of again.slice(0, 2)) results.add({ kind: 'canceled', claimed })
    await (await attempt(again.slice(2), 204))()
    expect(await statuses(again)).toEqual(['succeeded', 'pending', 'succeeded'])
    expect(await waiting()).toEqual([failed!.id])
    expect(await claimedJobs(db, 'deliver')).toBe(0)
  })

  test.each(['before', 'together with'])(
    'of two attempts of one number only the first is recorded, %s the second',
    async (order) => {
      await emit(running.service, appId, 2)
      const recordSlow = await attempt(await claim(), 500)
      await takeOverClaims(db)
      const quick = await claim()
      const recordQuick = await attempt(quick, 500)
      const recorded = recordQuick()
      if (order === 'before') await recorded
      running.logs.length = 0
      await Promise.all([recorded, recordSlow()])

      const attempts = await attemptsOf(db, webhookId)
      expect(attempts.map(({ number }) => number)).toEqual([1, 1])
      expect(new Set(attempts.map((attempt) => attempt.delivery_id))).toEqual(idsOf(quick))
      expect(running.logs.filter(({ level }) => level !== 'debug')).toMatchObject([
        { msg: 'delivery.claims_lapsed', lapsed: 2 },
      ])
      expect(await waiting()).toHaveLength(2)
      expect(new Set(await waiting())).toEqual(idsOf(quick))
      const webhook = await running.api.get(`/push/apps/${appId}/webhooks/${webhookId}`)
      expect(webhook.body.data.failure_count).toBe(2)
    },
  )

  test('what is put back comes back together, as the job that it was', async () => {
    await emit(running.service, appId, 5)
    const claimed = await claim()
    for (const each of claimed) results.add({ kind: 'released', claimed: each, delaySeconds: 0 })
    await results.drain()
    const again = await claim()
    expect(again.map(({ id }) => id)).toEqual(claimed.map(({ id }) => id))
    expect(new Set(again.map(({ job }) => job.id)).size).toBe(1)
    expect((await readDue(again)).size).toBe(5)
  })
})

function idsOf(claimed: readonly ClaimedDelivery[]): Set<string> {
  return new Set(claimed.map(({ id }) => id))
}
