import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Attempt } from '../../src/deliveries/attempt/attempt-delivery.ts'
import { classifyResponse } from '../../src/deliveries/attempt/classify-response.ts'
import { findPendingLanes, readLanes } from '../../src/deliveries/lane/due-store.ts'
import { listDeliveries } from '../../src/deliveries/log/delivery-log-store.ts'
import type { PendingDelivery } from '../../src/deliveries/pending-delivery.ts'
import { type RecordedDelivery, recordResults } from '../../src/deliveries/record/record-results.ts'
import { createResultBuffer, type ResultBuffer } from '../../src/deliveries/record/result-buffer.ts'
import { listEvents } from '../../src/events/event-store.ts'
import { acceptNotifications } from '../../src/notifications/accept-notifications.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { firstIdOf } from '../../src/platform/ids.ts'
import { findDueApps, readDueBatches, readDueNotifications } from '../../src/sending/due-store.ts'
import { recordPages } from '../../src/sending/record-pages.ts'
import { readNamedMembers } from '../../src/subscribers/audience-store.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { attemptsOf, deliveriesOf, emit, waitingDeliveries } from '../support/database.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { recordStatements } from '../support/statements.ts'

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
    return () => {
      for (const delivery of deliveries) {
        results.add({ kind: 'attempted', delivery, webhook, attempt: answeredWith(status) })
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

  test.for(['new', 'out of date'])(
    'a read does not grow with what waits behind the first delivery, or with the log: %s statistics',
    async (age, { skip }) => {
      if (running.service.deps.backend === 'pglite') return skip('its planner is the same one')
      // Each webhook has few of all deliveries, none is pending, and the partitions of the days to come are empty.
      await sql`truncate deliveries, events`.execute(db)
      await sql`
        insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, status, created_at)
        select gen_random_uuid(), (${firstIdOf(new Date())}::uuid::text::varchar(24) || lpad(n::text, 12, '0'))::uuid,
          gen_random_uuid(), 'notification.sent', gen_random_uuid(), 0, 'succeeded', now()
        from generate_series(1, 5000) n on conflict do nothing`.execute(db)
      if (age === 'out of date') await sql`analyze`.execute(db)
      await emit(running.service, appId, 3_000, 'notification.sent', { subscriber_id: 'bad' })
      await emit(running.service, appId, 1, 'notification.sent', { subscriber_id: 'good' })
      if (age === 'new') await sql`analyze`.execute(db)
      const fromId = (await deliveriesOf(db, webhookId)).at(-1)!.id
      const common = { appId, webhookId, limit: 2, blockedKeys: [], fromId: null }
      for (const read of [
        { ...common, ordered: null },
        { ...common, ordered: 'all' as const },
        { ...common, ordered: 'subscriber_id' as const, blockedKeys: ['bad'], fromId },
      ]) {
        const statements = await sentBy(() =>
          readLanes(db, [read], [], firstIdOf(new Date(Date.now() - 3_600_000)), new Date()),
        )
        const scans = await scansOf(db, statements, 'as lane (')
        expect(scans.filter((scan) => rowsRead(scan) > 5)).toEqual([])
      }
      const page = { event: undefined, from: undefined, before: undefined, after: undefined, limit: 2 }
      for (const [list, part] of [
        [() => listDeliveries(db, appId, webhookId, { ...page, status: 'pending' }), 'lateral'],
        [() => listEvents(db, appId, page), '"events"'],
      ] as const) {
        const scans = await scansOf(db, await sentBy(list), part)
        expect(scans.filter((scan) => rowsRead(scan) > 5)).toEqual([])
      }
    },
  )

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

  test('sweeps and records have the same statements for 1, 80 and 500 apps', async () => {
    const { deps } = running.service
    const now = new Date()
    const counts: Record<string, number>[] = []
    for (const apps of [1, 80, 500]) {
      const { rows } = await sql<{ appId: string; webhookId: string }>`
        with copies as (
          insert into apps select (jsonb_populate_record(app, jsonb_build_object(
            'id', gen_random_uuid(), 'publishable_key', gen_random_uuid()))).*
          from apps app cross join generate_series(1, ${apps}::int) where id = ${appId} returning id
        )
        insert into webhooks select (jsonb_populate_record(webhook, jsonb_build_object(
          'id', gen_random_uuid(), 'app_id', copies.id))).*
        from webhooks webhook cross join copies where webhook.id = ${webhookId}
        returning app_id as "appId", id as "webhookId"`.execute(db)
      const lanes = rows.map(({ appId }) => ({ appId, small: 2, large: 1 }))
      const requests = rows.map(({ appId: id }) => ({
        app: { id, settings: {} },
        title: 'News',
        content: {},
        targeting: { type: 'user_ids', ids: ['ada'] },
        priority: 'normal' as const,
      }))
      const statements = recordStatements()
      onTestFinished(statements.stop)
      const counted: Record<string, number> = {}
      const count = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
        statements.take()
        const result = await work()
        counted[what] = statements.take().filter((text) => !/pgboss|rate_limits/.test(text)).length
        return result
      }
      await count('accept', () => db.transaction().execute((trx) => acceptNotifications(trx, deps, requests)))
      await count('find apps', () => findDueApps(db))
      await count('read batches', () => readDueBatches(db, lanes, []))
      const due = await count('read notifications', () => readDueNotifications(db, lanes, []))
      expect(due).toHaveLength(apps)
      const named = due.map(({ appId }) => ({ appId, userIds: ['ada'] }))
      await count('resolve', () => readNamedMembers(db, named, 1_000))
      const pages = due.map((notification) => ({
        page: { ...notification, number: null, attempt: 0, expected: null, members: [] },
        tally: { sent: 0, failed: 0, gone: [], retries: [], failures: [], firstError: null },
        keys: { refused: [], reached: [] },
        retryReason: null,
      }))
      const { completed } = await count('record pages', () =>
        db.transaction().execute((trx) => recordPages(trx, deps, pages)),
      )
      expect(completed).toHaveLength(apps)
      await count('find lanes', () => findPendingLanes(db))
      const reads = rows.map((row) => ({
        ...row,
        limit: 2,
        ordered: null,
        blockedKeys: [],
        fromId: null,
      }))
      const { pending, webhooks } = await count('read deliveries', () =>
        readLanes(db, reads, [], firstIdOf(new Date(0)), now),
      )
      const results = [...pending.values()].flat().map((delivery) => ({
        kind: 'attempted' as const,
        delivery,
        webhook: webhooks.get(delivery.webhookId)!,
        attempt: answeredWith(500),
      }))
      expect(results).toHaveLength(apps)
      await count('record deliveries', () => recordResults(deps, results))
      counts.push(counted)
      statements.stop()
      await sql`delete from apps where id = any(${lanes.map((lane) => lane.appId)}::uuid[])`.execute(db)
    }
    expect(counts.slice(1)).toEqual([counts[0], counts[0]])
  })
})

function answeredWith(status: number): Attempt {
  return {
    id: randomUUID(),
    startedAt: new Date(),
    durationMs: 5,
    outcome: classifyResponse(
      { ok: true, answer: { status, headers: {}, body: Buffer.from('') } },
      new Date(),
    ),
    requestHeaders: {},
  }
}

interface PlanNode {
  'Node Type': string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: PlanNode[]
}

type Statement = Pick<pg.QueryConfig, 'text' | 'values'>

/** The statements that `work` sends to PostgreSQL. */
async function sentBy(work: () => Promise<unknown>): Promise<Statement[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query')
  await work()
  const sent = query.mock.calls.map(([statement]) => statement as unknown as string | Statement)
  query.mockRestore()
  return sent.map((statement) => (typeof statement === 'string' ? { text: statement } : statement))
}

/** Runs the one of the statements that contains `part`, planned as when it was sent. @returns the scans of its plan */
async function scansOf(db: Db, statements: readonly Statement[], part: string): Promise<PlanNode[]> {
  const { text, values } = statements.find((statement) => statement.text.includes(part))!
  const begin = statements.find((statement) => statement.text.startsWith('begin'))?.text ?? 'begin'
  const explain = `explain (analyze, format json) ${inlined(text, values!)}`
  return db.connection().execute(async (connection) => {
    await sql.raw(begin).execute(connection)
    const { rows } = await sql<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>`${sql.raw(explain)}`.execute(
      connection,
    )
    await sql`rollback`.execute(connection)
    return scansIn(rows[0]!['QUERY PLAN'][0].Plan)
  })
}

function scansIn(node: PlanNode): PlanNode[] {
  const below = (node.Plans ?? []).flatMap(scansIn)
  return node['Node Type'].includes('Scan') ? [node, ...below] : below
}

function rowsRead(scan: PlanNode): number {
  return (scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)) * scan['Actual Loops']
}

/** A statement with its values in it: EXPLAIN is not sent with the types of the parameters. */
function inlined(text: string, values: unknown[]): string {
  return text.replace(/\$(\d+)/g, (_, number) => {
    const value = values[Number(number) - 1]
    return pg.escapeLiteral(Array.isArray(value) ? `{${value.join()}}` : String(value))
  })
}
