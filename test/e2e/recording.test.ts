import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Attempt } from '../../src/deliveries/attempt/attempt-delivery.ts'
import { classifyResponse } from '../../src/deliveries/attempt/classify-response.ts'
import { readLanes } from '../../src/deliveries/lane/due-store.ts'
import type { PendingDelivery } from '../../src/deliveries/pending-delivery.ts'
import type { RecordedDelivery } from '../../src/deliveries/record/record-results.ts'
import { createResultBuffer, type ResultBuffer } from '../../src/deliveries/record/result-buffer.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { firstIdOf } from '../../src/platform/ids.ts'
import { readDueBatches, readDueNotifications } from '../../src/sending/due-store.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { attemptsOf, deliveriesOf, emit, waitingDeliveries } from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'

describeOnEachBackend('the record of deliveries', (make) => {
  let running: TestService
  let db: Db
  let appId: string
  let webhookId: string
  let results: ResultBuffer
  let recorded: RecordedDelivery[]

  beforeAll(async () => {
    // The test does what a delivery lane does.
    running = await startTestService(await make(), { KRAFTER_RETRY_SCHEDULE: '60,60,60,60' }, ['api'])
    db = running.service.deps.db
  })
  afterAll(() => running.end())
  beforeEach(async () => {
    appId = (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
    const webhook = { url: 'https://127.0.0.1/hook', events: ['notification.sent'] }
    webhookId = (await running.api.post(`/push/apps/${appId}/webhooks`, webhook)).body.data.id
    recorded = []
    results = createResultBuffer(running.service.deps, (deliveries) => void recorded.push(...deliveries))
  })

  const readPending = async (underWay: readonly PendingDelivery[] = [], limit = 100) => {
    const ids = underWay.map(({ id }) => id)
    const read = { appId, webhookId, limit, ordered: null, blockedKeys: [], fromId: null }
    const { pending, webhooks } = await readLanes(db, [read], ids, firstIdOf(new Date(0)), new Date())
    return { pending: pending.get(webhookId) ?? [], webhook: webhooks.get(webhookId)! }
  }
  /** Makes an attempt of each, answered with `status`. @returns records them */
  const attempt = async (deliveries: readonly PendingDelivery[], status: number) => {
    const { webhook } = await readPending()
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
      for (const delivery of deliveries) {
        results.add({ kind: 'attempted', delivery, webhook, attempt: answered() })
      }
      return results.drain()
    }
  }
  const statuses = async (of: readonly PendingDelivery[]) => {
    const byId = new Map((await deliveriesOf(db, webhookId)).map(({ id, status }) => [id, status]))
    return of.map(({ id }) => byId.get(id))
  }

  test('what waits for its retry is read after what is due, what is under way and what has ended is not', async () => {
    await emit(running.service, appId, 4)
    const { pending } = await readPending()
    const [done, failed, underWay, open] = pending
    await (await attempt([done!], 204))()
    await (await attempt([failed!], 500))()
    const next = await readPending([underWay!])
    expect(next.pending.map(({ id }) => id)).toEqual([open!.id, failed!.id])
    expect(next.pending[1]).toMatchObject({ attemptCount: 1 })
    expect(await statuses(pending)).toEqual(['succeeded', 'pending', 'pending', 'pending'])
    expect((await readPending([], 2)).pending).toHaveLength(2)
  })

  test('a read does not grow with what waits behind the first delivery, or with the log', async ({
    skip,
  }) => {
    if (running.service.deps.backend === 'pglite') return skip('its planner is the same one')
    await emit(running.service, appId, 3_000, 'notification.sent', { subscriber_id: 'bad' })
    await emit(running.service, appId, 1, 'notification.sent', { subscriber_id: 'good' })
    await sql`analyze deliveries`.execute(db)
    const fromId = (await deliveriesOf(db, webhookId)).at(-1)!.id
    const common = { appId, webhookId, limit: 2 }
    for (const read of [
      { ...common, ordered: 'all' as const, blockedKeys: [], fromId: null },
      { ...common, ordered: 'subscriber_id' as const, blockedKeys: ['bad'], fromId },
    ]) {
      const query = vi.spyOn(pg.Client.prototype, 'query')
      await readLanes(db, [read], [], firstIdOf(new Date(Date.now() - 3_600_000)), new Date())
      const statements = query.mock.calls.map(([statement]) => statement as unknown as pg.QueryConfig)
      query.mockRestore()
      const { text, values } = statements.find((statement) => statement.text?.includes('as lane ('))!
      const { rows } = await sql<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>`
        explain (analyze, format json) ${sql.raw(inlined(text, values!))}`.execute(db)
      const scans = scansOf(rows[0]!['QUERY PLAN'][0].Plan)
      const looked = (scan: PlanNode) =>
        (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops']
      expect(scans.filter((scan) => looked(scan) > 5)).toEqual([])
    }
  })

  test('the reads of what is to be sent are not planned for each call', async () => {
    const lanes = [{ appId, small: 20, large: 3 }]
    const plans = await db.connection().execute(async (connection) => {
      for (let calls = 1; calls <= 12; calls++) {
        const taken = Array.from({ length: calls }, () => randomUUID())
        await readDueNotifications(connection, lanes, taken)
        await readDueBatches(connection, lanes, taken)
      }
      const { rows } = await sql<{ count: number }>`
        select generic_plans::int as count from pg_prepared_statements
        where statement like ${'%as rank (rank)%'}`.execute(connection)
      return rows.map(({ count }) => count)
    })
    // PostgreSQL plans the first five for their values, to compare.
    expect(plans).toEqual([7, 7])
  })

  test('whoever records hears when each is due again', async () => {
    await emit(running.service, appId, 2)
    const [done, failed] = (await readPending()).pending
    const before = Date.now()
    await (await attempt([done!], 204))()
    await (await attempt([failed!], 500))()
    expect(recorded).toEqual([
      { webhookId, id: done!.id, dueAgainAtMs: null },
      { webhookId, id: failed!.id, dueAgainAtMs: expect.any(Number) },
    ])
    const waitMs = recorded[1]!.dueAgainAtMs! - before
    expect(waitMs).toBeGreaterThan(60_000 * 0.8 - 1_000)
    const waiting = (await waitingDeliveries(db)).find(({ id }) => id === failed!.id)
    expect(Math.abs(waiting!.waitSeconds * 1_000 - waitMs)).toBeLessThan(20_000)
  })

  test.each(['before', 'together with'])(
    'of two attempts of one number only the first is recorded, %s the second',
    async (order) => {
      await emit(running.service, appId, 2)
      const { pending } = await readPending()
      const recordSlow = await attempt(pending, 500)
      // As the process does that took the lane over meanwhile.
      const recordQuick = await attempt((await readPending()).pending, 500)
      const quick = recordQuick()
      if (order === 'before') await quick
      running.logs.length = 0
      await Promise.all([quick, recordSlow()])

      const attempts = await attemptsOf(db, webhookId)
      expect(attempts.map(({ number }) => number)).toEqual([1, 1])
      expect(attempts.map((one) => one.delivery_id).sort()).toEqual(pending.map(({ id }) => id).sort())
      expect(running.logs.filter(({ level }) => level !== 'debug')).toMatchObject([
        { msg: 'delivery.attempts_lapsed', lapsed: 2 },
      ])
      const webhook = await running.api.get(`/push/apps/${appId}/webhooks/${webhookId}`)
      expect(webhook.body.data.failure_count).toBe(2)
    },
  )

  test('a result that the database refuses takes no other with it', async () => {
    await emit(running.service, appId, 3)
    const { pending } = await readPending()
    const [bad, ...good] = pending
    const recordBad = await attempt([{ ...bad!, attemptCount: 2 ** 31 }], 204)
    const recordGood = await attempt(good, 204)
    await Promise.all([recordBad(), recordGood()])
    expect(await statuses(pending)).toEqual(['pending', 'succeeded', 'succeeded'])
    expect(recorded.map(({ id }) => id).sort()).toEqual(pending.map(({ id }) => id).sort())
  })
})

interface PlanNode {
  'Node Type': string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: PlanNode[]
}

function scansOf(node: PlanNode): PlanNode[] {
  const below = (node.Plans ?? []).flatMap(scansOf)
  return node['Node Type'].includes('Scan') ? [node, ...below] : below
}

/** A statement with its values in it: EXPLAIN is not sent with the types of the parameters. */
function inlined(text: string, values: unknown[]): string {
  return text.replace(/\$(\d+)/g, (_, number) => {
    const value = values[Number(number) - 1]
    return pg.escapeLiteral(Array.isArray(value) ? `{${value.join()}}` : String(value))
  })
}
