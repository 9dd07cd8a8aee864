import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { deliveryShape, loggedDeliveryShape } from '../../src/deliveries/log/delivery-log-schema.ts'
import { eventShape, loggedEventShape } from '../../src/deliveries/log/event-log-schema.ts'

import { eventDocs } from '../../src/events/event-schema.ts'
import { firstIdOf, newId } from '../../src/platform/ids.ts'

import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { makeKey } from '../support/keys.ts'
import { type Receiver, respond } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { expectShape } from '../support/shapes.ts'
import { useStage } from '../support/stage.ts'

const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const notFound = { status: 404, body: { error: 'Not found' } }
const dayMs = 86_400_000

describeOnEachBackend('the log', (make) => {
  const stage = useStage(make)
  let running: TestService
  let receiver: Receiver

  beforeAll(() => {
    ;({ running, receiver } = stage)
  })

  const makeApp = async (): Promise<{ id: string; base: string }> => {
    const id = (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
    return { id, base: `/push/apps/${id}` }
  }
  const makeWebhook = async (base: string, fields: object = {}): Promise<string> => {
    const url = `${receiver.origin}/${newId()}`
    const made = await running.api.post(`${base}/webhooks`, { url, events: ['notification.sent'], ...fields })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    return made.body.data.id
  }
  const answerWith = (answer: Receiver['answer']) => {
    const before = receiver.answer
    receiver.answer = answer
    onTestFinished(() => {
      receiver.answer = before
    })
  }
  /** Waits until `count` deliveries have the status, and returns the first page of the log. */
  const logged = (log: string, count: number, status = 'succeeded') =>
    poll(
      async () => (await running.api.get(log)).body.data,
      (data) => data.filter((delivery: { status: string }) => delivery.status === status).length === count,
    )
  /** Deliveries of some days, as the service would have left them. Returns their ids, newest first. */
  const insertDeliveries = async (
    appId: string,
    webhookId: string,
    rows: { at: Date; status?: string; event?: string }[],
  ): Promise<string[]> => {
    const ids = rows.map(({ at }) => firstIdOf(at).slice(0, 14) + newId().slice(14))
    for (const [index, { at, status = 'succeeded', event = 'notification.sent' }] of rows.entries()) {
      await sql`
        insert into deliveries (app_id, id, event_id, event_type, webhook_id, webhook_generation, status, created_at)
        values (${appId}, ${ids[index]}, ${newId()}, ${event}, ${webhookId}, 0, ${status}, ${at})`.execute(
        running.service.deps.db,
      )
    }
    return ids.toSorted().reverse()
  }
  /** Follows `next_cursor` to the end; the ids of each page. */
  const readPages = async (path: string): Promise<string[][]> => {
    const pages: string[][] = []
    for (let cursor: string | null = ''; cursor !== null && pages.length < 50; ) {
      const { status, body } = await running.api.get(cursor === '' ? path : `${path}&cursor=${cursor}`)
      expect(status, JSON.stringify(body)).toBe(200)
      pages.push(body.data.map(({ id }: { id: string }) => id))
      cursor = body.next_cursor
    }
    return pages
  }

  test('shows each delivery, and of each attempt what came of it', async () => {
    const { base } = await makeApp()
    const webhook = await makeWebhook(base)
    const log = `${base}/webhooks/${webhook}/deliveries`
    expect((await running.api.get(log)).body).toEqual({ data: [], next_cursor: null })
    let attempts = 0
    answerWith((request, response) => {
      attempts += 1
      respond(
        attempts === 1 ? 503 : 200,
        {},
        attempts === 1 ? 'x'.repeat(3_000) : 'thanks',
      )(request, response)
    })
    await running.api.post(`${base}/notifications`, { title: 'Größe „XL“' })
    const [delivery] = await logged(log, 1)

    const requests = receiver.requests.filter(({ body }) => body.toString().includes('Größe'))
    const [first, second] = requests.map(({ headers }) => headers['x-krafter-webhook-id'])
    const sent = JSON.parse(requests[0]!.body.toString())
    const lastAttempt = {
      started_at: expect.stringMatching(timestamp),
      duration_ms: expect.any(Number),
      status: 200,
      error: null,
      reason: null,
    }
    const shown = {
      id: expect.any(String),
      webhook_id: webhook,
      event_id: sent.id,
      event: 'notification.sent',
      status: 'succeeded',
      attempt_count: 2,
      next_attempt_at: null,
      replay_id: null,
      created_at: expect.stringMatching(timestamp),
      finished_at: expect.stringMatching(timestamp),
      last_attempt: lastAttempt,
    }
    expect(delivery).toEqual(shown)
    expectShape(delivery, deliveryShape)
    const read = await running.api.get(`${log}/${delivery.id}`)
    expectShape(read.body.data, loggedDeliveryShape)
    expect(read.body.data).toEqual({
      ...delivery,
      body: sent,
      attempts: [
        {
          id: first,
          number: 1,
          started_at: expect.stringMatching(timestamp),
          duration_ms: expect.any(Number),
          status: 503,
          error: 'status',
          reason: null,
          response_body: 'x'.repeat(1_024),
        },
        { id: second, number: 2, ...delivery.last_attempt, response_body: 'thanks' },
      ],
    })
    expect(Object.keys(read.body.data.body)).toEqual(['id', 'event', 'timestamp', 'data'])
  })

  test('shows what is still to be tried, and why the last attempt failed', async () => {
    const { id: appId, base } = await makeApp()
    const webhook = await makeWebhook(base, {
      url: 'https://127.0.0.1:9/closed',
      retry_schedule: [3_600],
    })
    await emit(running.service, appId)
    const log = `${base}/webhooks/${webhook}/deliveries`
    const [delivery] = await poll(
      async () => (await running.api.get(log)).body.data,
      (data) => data[0]?.attempt_count === 1,
    )
    expect(delivery).toMatchObject({
      status: expect.stringMatching(/^(pending|failed)$/),
      last_attempt: { status: null, error: 'connect' },
    })
    expect(delivery.next_attempt_at === null).toBe(delivery.status === 'failed')
    await running.api.delete(`${base}/webhooks/${webhook}`)
    expect(await running.api.get(log)).toMatchObject(notFound)
  })

  test('is read page by page, each delivery once, over days and while more arrive', async () => {
    const { id: appId, base } = await makeApp()
    const webhook = await makeWebhook(base, { enabled: false })
    const now = Date.now()
    const rows = Array.from({ length: 45 }, (_, n) => ({ at: new Date(now - n * 6 * 60_000) }))
    // Several of one millisecond: pages may end between them.
    const together = Array.from({ length: 10 }, () => ({ at: new Date(now - 3_600_000) }))
    // As old as a partition that is made in advance allows.
    const old = [{ at: new Date(Math.floor(now / dayMs) * dayMs - dayMs) }]
    const ids = await insertDeliveries(appId, webhook, [...rows, ...together, ...old])
    const other = await makeWebhook(base, { enabled: false })
    await insertDeliveries(appId, other, rows)

    const log = `${base}/webhooks/${webhook}/deliveries`
    const pages = await readPages(`${log}?limit=8`)
    expect(pages.map((page) => page.length)).toEqual([8, 8, 8, 8, 8, 8, 8])
    expect(pages.flat()).toEqual(ids)
    expect((await running.api.get(log)).body.data).toHaveLength(50)

    const first = (await running.api.get(`${log}?limit=30`)).body
    await insertDeliveries(appId, webhook, [{ at: new Date() }])
    const second = (await running.api.get(`${log}?limit=30&cursor=${first.next_cursor}`)).body
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids)
    expect(second.next_cursor).toBeNull()
  })

  test('is filtered by status, event and time', async () => {
    const { id: appId, base } = await makeApp()
    const webhook = await makeWebhook(base, { enabled: false })
    const start = Math.floor(Date.now() / 60_000) * 60_000 - 120_000
    const at = (seconds: number) => new Date(start + seconds * 1_000)
    const ids = await insertDeliveries(appId, webhook, [
      { at: at(0) },
      { at: at(10), status: 'failed' },
      { at: at(20), status: 'canceled' },
      { at: at(30), status: 'pending', event: 'subscriber.registered' },
      { at: at(40), status: 'failed', event: 'subscriber.registered' },
      { at: new Date(at(41).getTime() - 1) },
    ])
    const oldestFirst = ids.toReversed()
    const log = `${base}/webhooks/${webhook}/deliveries`
    const found = async (query: string) => {
      const { body } = await running.api.get(`${log}?${query}`)
      return body.data.map(({ id }: { id: string }) => oldestFirst.indexOf(id))
    }
    const iso = (seconds: number) => at(seconds).toISOString()
    expect(await found('status=failed')).toEqual([4, 1])
    expect(await found('status=pending')).toEqual([3])
    expect(await found('status=succeeded')).toEqual([5, 0])
    expect(await found('status=canceled&limit=1')).toEqual([2])
    expect(await found('event=subscriber.registered')).toEqual([4, 3])
    expect(await found('event=subscriber.registered&status=failed')).toEqual([4])
    expect(await found('event=notification.clicked')).toEqual([])
    expect(await found(`since=${iso(10)}`)).toEqual([5, 4, 3, 2, 1])
    expect(await found(`until=${iso(10)}`)).toEqual([0])
    expect(await found(`since=${iso(10)}&until=${iso(41)}&status=failed`)).toEqual([4, 1])
    expect(await found(`since=${iso(20)}&until=${iso(20)}`)).toEqual([])
    const elsewhere = `${new Date(at(30).getTime() + 2 * 3_600_000).toISOString().slice(0, 19)}%2B02:00`
    expect(await found(`since=${elsewhere}`)).toEqual([5, 4, 3])
    expect(await found('since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z')).toEqual([5, 4, 3, 2, 1, 0])
  })

  describe.each(['events', 'deliveries'])('%s', (kind) => {
    const pathOf = async () => {
      const { base } = await makeApp()
      return kind === 'events' ? `${base}/events` : `${base}/webhooks/${await makeWebhook(base)}/deliveries`
    }

    test('bad parameters are named, and nothing else is', async () => {
      const path = await pathOf()
      const aDayAhead = new Date(Date.now() + dayMs).toISOString()
      const cases: [string, string, RegExp][] = [
        ['cursor=nonsense', 'cursor', /cursor of this list/],
        [`cursor=${newId()}`, 'cursor', /cursor of this list/],
        // One of the other list.
        [
          `cursor=${kind === 'events' ? 'ZAGZbWLQ53oxjFUOnxorPE0' : 'ZQGZbWLQ53oxjFUOnxorPE0'}`,
          'cursor',
          /./,
        ],
        ['limit=0', 'limit', /1 to 100/],
        ['limit=101', 'limit', /1 to 100/],
        ['limit=ten', 'limit', /1 to 100/],
        ['limit=1&limit=2', 'limit', /./],
        ['event=order.shipped', 'event', /must be one of notification.sent/],
        ['since=yesterday', 'since', /timestamp such as/],
        ['since=2026-06-01', 'since', /timestamp such as/],
        ['since=1764000000', 'since', /timestamp such as/],
        ['until=2026-02-30T00:00:00Z', 'until', /timestamp such as/],
        ['since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z', 'since', /after until/],
        [`since=${aDayAhead}`, 'since', /future/],
        ...(kind === 'events'
          ? []
          : [['status=lost', 'status', /must be one of pending/] as [string, string, RegExp]]),
      ]
      for (const [query, field, message] of cases) {
        const { status, body } = await running.api.get(`${path}?${query}`)
        expect(status, query).toBe(422)
        expect(body).toEqual({
          error: 'Validation failed',
          details: { [field]: [expect.stringMatching(message)] },
        })
      }
    })

    test("another team's, or none, is not found", async () => {
      const path = await pathOf()
      const stranger = await makeKey(running, { team: `team-${randomUUID()}` })
      expect(await stranger.api.get(path)).toMatchObject(notFound)
      for (const id of [newId(), randomUUID(), '00000000-0000-0000-0000-000000000000', 'first']) {
        expect(await running.api.get(`${path}/${id}`)).toMatchObject(notFound)
      }
    })
  })

  test('a delivery is found under its own webhook and app only', async () => {
    const { id: appId, base } = await makeApp()
    const [webhook, other] = [await makeWebhook(base, { enabled: false }), await makeWebhook(base)]
    const [id] = await insertDeliveries(appId, webhook, [{ at: new Date() }])
    const elsewhere = await makeApp()
    const theirs = await makeWebhook(elsewhere.base)
    expect((await running.api.get(`${base}/webhooks/${webhook}/deliveries/${id}`)).body.data).toMatchObject({
      id,
      // The event is past the retention.
      body: null,
      attempts: [],
      last_attempt: null,
    })
    for (const path of [
      `${base}/webhooks/${other}/deliveries/${id}`,
      `${elsewhere.base}/webhooks/${theirs}/deliveries/${id}`,
      `${elsewhere.base}/webhooks/${webhook}/deliveries/${id}`,
    ]) {
      expect(await running.api.get(path)).toMatchObject(notFound)
    }
  })

  test('an event that some webhook names is kept, disabled or not; another is not', async () => {
    const { id: appId, base } = await makeApp()
    await makeWebhook(base, { events: ['notification.failed'], enabled: false })
    await makeWebhook(base, { events: ['notification.clicked'], filter: { platform: 'ios' } })
    for (const type of ['notification.failed', 'notification.clicked', 'subscriber.registered'] as const) {
      await emit(running.service, appId, 1, type)
    }
    const { data } = (await running.api.get(`${base}/events`)).body
    const names = data.map(({ event }: { event: string }) => event)
    // Events of one millisecond that were published apart are in any order.
    expect(names.sort()).toEqual(['notification.clicked', 'notification.failed'])
    for (const { id } of data) {
      expect((await running.api.get(`${base}/events/${id}`)).body.data.deliveries).toEqual([])
    }
  })

  test('events are shown as receivers get them, with their deliveries', async () => {
    const { id: appId, base } = await makeApp()
    const webhooks = [await makeWebhook(base), await makeWebhook(base)]
    await emit(running.service, appId, 3)
    for (const webhook of webhooks) await logged(`${base}/webhooks/${webhook}/deliveries`, 3)
    await emit(running.service, appId, 1, 'subscriber.registered')

    const { data, next_cursor } = (await running.api.get(`${base}/events`)).body
    expect(next_cursor).toBeNull()
    expect(data.map(({ data }: { data: { n: number } }) => data.n).toSorted()).toEqual([0, 1, 2])
    for (const event of data) {
      const requests = receiver.requests.filter(({ headers }) => headers['webhook-id'] === event.id)
      expect(requests.map(({ body }) => JSON.parse(body.toString()))).toEqual([event, event])
      // The data of these events is the test's own.
      const { data } = eventDocs['notification.sent'].example
      expectShape({ ...event, data }, eventShape)
      const read = (await running.api.get(`${base}/events/${event.id}`)).body.data
      expectShape({ ...read, data }, loggedEventShape)
      expect(read).toMatchObject({ ...event, deliveries: [{ status: 'succeeded' }, { status: 'succeeded' }] })
      const of = read.deliveries.map(({ webhook_id }: { webhook_id: string }) => webhook_id)
      expect(of.toSorted()).toEqual(webhooks.toSorted())
    }
    expect((await readPages(`${base}/events?limit=1`)).flat()).toEqual(
      data.map(({ id }: { id: string }) => id),
    )
    const none = await running.api.get(`${base}/events?event=subscriber.registered`)
    expect(none.body.data).toEqual([])
    const later = await running.api.get(`${base}/events?until=${data[2].timestamp}`)
    expect(later.body.data).toEqual([])
    const elsewhere = await makeApp()
    expect(await running.api.get(`${elsewhere.base}/events/${data[0].id}`)).toMatchObject(notFound)
  })
})
