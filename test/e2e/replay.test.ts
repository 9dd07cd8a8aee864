import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { emitEvents } from '../../src/deliveries/publish-event.ts'
import type { Db } from '../../src/platform/db/db.ts'
import { newId } from '../../src/platform/ids.ts'
import { replayStep } from '../../src/queues.ts'
import { replayShape } from '../../src/replays/replay-schema.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { deliveriesOf, emit, makeDeliveriesDue, makeDue, waitingJobs } from '../support/database.ts'
import { type Receiver, respond, startReceiver } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import { expectShape } from '../support/shapes.ts'
import { useStage } from '../support/stage.ts'

const notFound = { status: 404, body: { error: 'Not found' } }
/** The service's clock goes ahead by this, so that what the tests have just published has settled. */
const aheadMs = 60_000
const longAgo = '2026-01-01T00:00:00Z'

describeOnEachBackend('replay', (make) => {
  const stage = useStage(make, { KRAFTER_RETRY_SCHEDULE: '0', KRAFTER_DISABLE_AFTER: '86400' })
  let running: TestService
  let receiver: Receiver
  let db: Db

  beforeAll(() => {
    ;({ running, receiver } = stage)
    running.clock.ahead = aheadMs
    db = running.service.deps.db
  })

  beforeEach(() => {
    receiver.requests.length = 0
    receiver.answer = respond(204)
  })

  interface Hook {
    appId: string
    id: string
    path: string
    /** The receiver's. */
    at: string
  }

  const makeApp = async (): Promise<string> =>
    (await running.api.post('/push/apps', { name: 'Shop' })).body.data.id
  const makeWebhook = async (fields: object = {}, app?: string): Promise<Hook> => {
    const appId = app ?? (await makeApp())
    const at = `/${newId()}`
    const url = `${receiver.origin}${at}`
    const made = await running.api.post(`/push/apps/${appId}/webhooks`, {
      url,
      events: ['notification.sent'],
      ...fields,
    })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    return { appId, id: made.body.data.id, path: `/push/apps/${appId}/webhooks/${made.body.data.id}`, at }
  }
  const enable = async ({ path }: Hook, enabled = true) => {
    expect((await running.api.patch(path, { enabled })).status).toBe(200)
  }
  /** Waits until `count` deliveries have ended. */
  const ended = ({ id }: Hook, count: number) =>
    poll(
      () => deliveriesOf(db, id),
      (all) => all.length >= count && all.every(({ status }) => status !== 'pending'),
    )
  const start = async ({ path }: Hook, body: object = {}): Promise<string> => {
    const until = new Date(Date.now() + 1).toISOString()
    const answer = await running.api.post(`${path}/replay`, { since: longAgo, until, ...body })
    expect(answer.status, JSON.stringify(answer.body)).toBe(202)
    return answer.body.data.id
  }
  const over = ({ path }: Hook, replay: string) =>
    poll(
      async () => (await running.api.get(`${path}/replays/${replay}`)).body.data,
      ({ status }) => status !== 'running',
    )
  /** Waits until a step found no room: the next one is to come later. */
  const putBack = () =>
    poll(
      () => waitingJobs(db, replayStep.name),
      (jobs) => jobs.some(({ waitSeconds }) => waitSeconds > 0),
    )
  /** A receiver that answers nothing until it is told to; the limits of its host are its own. */
  const startSilent = async () => {
    const silent = await startReceiver()
    onTestFinished(() => silent.stop())
    const release: (() => void)[] = []
    silent.answer = (request, response) => void release.push(() => respond(500)(request, response))
    return { silent, release }
  }
  const idsAt = (at: string) => receiver.to(at).map(({ headers }) => headers['webhook-id'])
  const eventIds = async (appId: string) => {
    const rows = await db
      .selectFrom('events')
      .select('id')
      .where('app_id', '=', appId)
      .orderBy('id')
      .execute()
    return rows.map(({ id }) => id)
  }

  describe('of one delivery', () => {
    test.each([204, 500])('sends the same event once more, first answered %i', async (first) => {
      const hook = await makeWebhook()
      receiver.answer = respond(first)
      await emit(running.service, hook.appId)
      const [original] = await ended(hook, 1)
      receiver.answer = respond(204)
      const answer = await running.api.post(`${hook.path}/deliveries/${original!.id}/replay`, {})
      expect(answer.status).toBe(202)
      expect(answer.body.data).toMatchObject({
        id: expect.not.stringMatching(original!.id),
        webhook_id: hook.id,
        event_id: original!.event_id,
        event: 'notification.sent',
        status: 'pending',
        attempt_count: 0,
        replay_id: null,
        finished_at: null,
        last_attempt: null,
      })
      const [, again] = await ended(hook, 2)
      expect(again).toMatchObject({ id: answer.body.data.id, status: 'succeeded', attempt_count: 1 })
      const requests = receiver.to(hook.at)
      expect(new Set(requests.map(({ headers }) => headers['webhook-id']))).toEqual(
        new Set([original!.event_id]),
      )
      expect(new Set(requests.map(({ headers }) => headers['x-krafter-webhook-id'])).size).toBe(
        requests.length,
      )
      expect(requests.at(-1)!.body).toEqual(requests[0]!.body)
    })

    test('is refused while the webhook is disabled, or when the event is gone', async () => {
      const hook = await makeWebhook()
      await emit(running.service, hook.appId)
      const [original] = await ended(hook, 1)
      const path = `${hook.path}/deliveries/${original!.id}/replay`
      await enable(hook, false)
      expect(await running.api.post(path, {})).toMatchObject({
        status: 422,
        body: { details: { enabled: ['the webhook is disabled: enable it first'] } },
      })
      await enable(hook)
      await db.deleteFrom('events').where('app_id', '=', hook.appId).execute()
      expect(await running.api.post(path, {})).toMatchObject({
        status: 422,
        body: { details: { event_id: ['the event is past the retention'] } },
      })
      expect(await deliveriesOf(db, hook.id)).toHaveLength(1)
      const other = await makeWebhook()
      for (const wrong of [
        `${other.path}/deliveries/${original!.id}/replay`,
        `${hook.path}/deliveries/${newId()}/replay`,
        `${hook.path}/deliveries/${randomUUID()}/replay`,
      ]) {
        expect(await running.api.post(wrong, {})).toMatchObject(notFound)
      }
    })
  })

  test('sends what the webhook did not get: failed, canceled, or never made', async () => {
    const hook = await makeWebhook()
    const { appId } = hook
    await emit(running.service, appId, 2)
    await ended(hook, 2)
    const received = await eventIds(appId)
    receiver.answer = respond(500)
    await emit(running.service, appId, 3)
    const before = await ended(hook, 5)
    expect(before.filter(({ status }) => status === 'failed')).toHaveLength(3)
    await enable(hook, false)
    await emit(running.service, appId, 4)
    await enable(hook)
    receiver.answer = respond(204)
    receiver.requests.length = 0

    const replay = await start(hook)
    expect(await over(hook, replay)).toEqual({
      id: replay,
      webhook_id: hook.id,
      since: longAgo,
      until: expect.any(String),
      events: ['notification.sent'],
      status: 'completed',
      selection: 'failed',
      event_count: 7,
      created_at: expect.any(String),
      finished_at: expect.any(String),
    })
    const all = await ended(hook, 12)
    expect(all.filter(({ replay_id }) => replay_id === replay)).toMatchObject(
      Array(7).fill({ status: 'succeeded', attempt_count: 1 }),
    )
    const missing = (await eventIds(appId)).filter((id) => !received.includes(id))
    expect(idsAt(hook.at).toSorted()).toEqual(missing)

    // All of them have arrived: there is nothing left to send.
    const again = await start(hook)
    expect(await over(hook, again)).toMatchObject({ status: 'completed', event_count: 0 })
    const everything = await start(hook, { status: 'all' })
    expect(await over(hook, everything)).toMatchObject({ status: 'completed', event_count: 9 })
    await ended(hook, 21)
    expect(idsAt(hook.at).toSorted()).toEqual([...missing, ...(await eventIds(appId))].toSorted())

    const list = (await running.api.get(`${hook.path}/replays?limit=2`)).body
    for (const each of list.data) expectShape(each, replayShape)
    expect(list.data.map(({ id }: { id: string }) => id)).toEqual([everything, again])
    const rest = (await running.api.get(`${hook.path}/replays?limit=2&cursor=${list.next_cursor}`)).body
    expect(rest).toMatchObject({ data: [{ id: replay }], next_cursor: null })
  })

  test('leaves alone what is still pending', async () => {
    const hook = await makeWebhook({ retry_schedule: [3_600] })
    receiver.answer = respond(503)
    await emit(running.service, hook.appId)
    await receiver.waitFor(1, hook.at)
    await poll(
      () => deliveriesOf(db, hook.id),
      ([delivery]) => delivery?.attempt_count === 1,
    )
    receiver.answer = respond(204)
    expect(await over(hook, await start(hook))).toMatchObject({ event_count: 0 })
    expect(await over(hook, await start(hook, { status: 'all' }))).toMatchObject({ event_count: 1 })
    await makeDeliveriesDue(db)
    await ended(hook, 2)
  })

  test('takes of the window the events that are asked for and that the filter lets pass', async () => {
    const appId = await makeApp()
    const wide = await makeWebhook(
      { enabled: false, events: ['notification.failed', 'subscriber.registered'] },
      appId,
    )
    const hook = await makeWebhook({ enabled: false }, appId)
    await emit(running.service, appId, 1, 'notification.failed')
    const middle = new Date(Date.now() + 1)
    await poll(
      async () => Date.now(),
      (now) => now > middle.getTime(),
    )
    await emit(running.service, appId, 2)
    await emit(running.service, appId, 3, 'subscriber.registered')
    await enable(hook)
    await enable(wide)
    const count = async (target: Hook, body: object) =>
      (await over(target, await start(target, { status: 'all', ...body }))).event_count
    expect(await count(hook, {})).toBe(2)
    expect(
      await count(hook, { events: ['notification.failed', 'notification.sent', 'notification.sent'] }),
    ).toBe(3)
    expect(await count(wide, {})).toBe(4)
    expect(await count(wide, { since: middle.toISOString() })).toBe(3)
    expect(await count(wide, { until: middle.toISOString() })).toBe(1)
    expect(
      await count(wide, { since: middle.toISOString(), until: new Date(middle.getTime() + 1).toISOString() }),
    ).toBe(0)
    await db
      .updateTable('webhooks')
      .set({ filter: JSON.stringify({ or: [{ n: 1 }, { n: 2 }] }) })
      .where('id', '=', wide.id)
      .execute()
    expect(await count(wide, { since: middle.toISOString() })).toBe(2)
    await ended(wide, 10)
    await ended(hook, 5)
  })

  test('waits for what was published before its end and is committed after its beginning', async (context) => {
    context.skip(stage.storage.backend === 'pglite', 'one connection has one transaction at a time')
    running.clock.ahead = 0
    onTestFinished(() => {
      running.clock.ahead = aheadMs
    })
    const hook = await makeWebhook({ enabled: false })
    const published = Promise.withResolvers<void>()
    const commit = Promise.withResolvers<void>()
    const { deps } = running.service
    const publishing = deps.db.transaction().execute(async (trx) => {
      await emitEvents(trx, [
        { appId: hook.appId, type: 'notification.sent', data: {}, occurredAt: deps.clock.now() } as never,
      ])
      published.resolve()
      await commit.promise
    })
    await published.promise
    await enable(hook)
    const answer = await running.api.post(`${hook.path}/replay`, { since: longAgo })
    await putBack()
    commit.resolve()
    await publishing
    running.clock.ahead = aheadMs
    await makeDue(db, replayStep.name)
    expect(await over(hook, answer.body.data.id)).toMatchObject({ status: 'completed', event_count: 1 })
    await ended(hook, 1)
  })

  test('goes step by step, never far ahead of the receiver, whatever the number', async () => {
    const { silent } = await startSilent()
    const hook = await makeWebhook({ enabled: false, url: silent.origin })
    await emit(running.service, hook.appId, 650)
    await enable(hook)
    const replay = await start(hook)
    await poll(
      async () => (await running.api.get(`${hook.path}/replays/${replay}`)).body.data,
      ({ event_count }) => event_count === 400,
    )
    await putBack()
    const { status, event_count } = (await running.api.get(`${hook.path}/replays/${replay}`)).body.data
    expect({ status, event_count }).toEqual({ status: 'running', event_count: 400 })

    const canceled = await running.api.post(`${hook.path}/replays/${replay}/cancel`, {})
    expect(canceled).toMatchObject({ status: 200, body: { data: { status: 'canceled', event_count: 400 } } })
    expect(await running.api.post(`${hook.path}/replays/${replay}/cancel`, {})).toEqual({
      ...canceled,
      headers: expect.anything(),
    })
    await running.api.delete(hook.path)
  })

  test('canceled, it ends its pending deliveries, those under way when they have ended', async () => {
    const { silent, release } = await startSilent()
    const hook = await makeWebhook({ enabled: false, url: silent.origin, retry_schedule: [0, 0, 0] })
    await emit(running.service, hook.appId, 80)
    await enable(hook)
    const replay = await start(hook)
    expect(await over(hook, replay)).toMatchObject({ status: 'completed', event_count: 80 })
    await poll(
      async () => release.length,
      (waiting) => waiting >= 8,
    )
    const { body } = await running.api.post(`${hook.path}/replays/${replay}/cancel`, {})
    expect(body.data).toMatchObject({ status: 'canceled', event_count: 80 })
    silent.answer = respond(500)
    for (const answer of release) answer()
    const all = await ended(hook, 80)
    expect(all.map(({ status }) => status)).toEqual(Array(80).fill('canceled'))
    expect(all.every(({ attempt_count }) => attempt_count <= 1)).toBe(true)
    expect(silent.requests).toHaveLength(release.length)
  })

  test('keeps the order of its events for a webhook that wants one', async () => {
    const hook = await makeWebhook({ ordered: 'subscriber_id', retry_schedule: [60] })
    const came: { n: number; id: string }[] = []
    let failing = 'nothing'
    receiver.answer = (request, response) => {
      const { id, data } = JSON.parse(request.body.toString())
      // The other subscriber's events are numbered from 100.
      const n = data.subscriber_id === 't' ? data.n + 100 : data.n
      if (request.path === hook.at) came.push({ n, id })
      response.writeHead(id === failing ? 500 : 204).end()
    }
    const publish = (subscriber: string, count: number) =>
      emit(running.service, hook.appId, count, 'notification.sent', { subscriber_id: subscriber })
    await publish('s', 12)
    await ended(hook, 12)
    failing = came[0]!.id
    const replay = await start(hook, { status: 'all' })
    await over(hook, replay)
    await poll(
      async () => came.length,
      (count) => count === 13,
    )
    // What is published meanwhile waits behind the replay; what is another subscriber's does not.
    await publish('s', 1)
    await publish('t', 1)
    await poll(
      async () => came.length,
      (count) => count === 14,
    )
    const again = await running.api.post(`${hook.path}/replays/${replay}/cancel`, {})
    expect(again.body.data.status).toBe('canceled')
    // Nothing holds it back any more.
    await ended(hook, 26)
    expect(came.map(({ n }) => n)).toEqual([...Array(12).keys(), 0, 100, 0])

    const [first] = await deliveriesOf(db, hook.id)
    failing = 'nothing'
    await running.api.post(`${hook.path}/deliveries/${first!.id}/replay`, {})
    await start(hook, { status: 'all' })
    const all = await ended(hook, 41)
    const replayed = came.slice(15).map(({ n }) => n)
    expect(replayed.filter((n) => n !== 100)).toEqual([0, ...Array(12).keys(), 0])
    expect(all.filter(({ order_key }) => order_key === 's')).toHaveLength(39)
  })

  test('what has wholly ended is not canceled any more', async () => {
    const hook = await makeWebhook({ enabled: false })
    await emit(running.service, hook.appId)
    await enable(hook)
    const replay = await start(hook)
    const done = await over(hook, replay)
    await ended(hook, 1)
    const answer = await running.api.post(`${hook.path}/replays/${replay}/cancel`, {})
    expect(answer).toMatchObject({ status: 200, body: { data: done } })
  })

  test.each(['disabled', 'disabled and enabled again', 'deleted'])(
    'ends when the webhook is %s',
    async (how) => {
      const { silent } = await startSilent()
      const hook = await makeWebhook({ enabled: false, url: silent.origin })
      await emit(running.service, hook.appId, 500)
      await enable(hook)
      const replay = await start(hook)
      await poll(
        async () => (await running.api.get(`${hook.path}/replays/${replay}`)).body.data,
        ({ event_count }) => event_count === 400,
      )
      if (how === 'deleted') {
        await running.api.delete(hook.path)
        expect(await running.api.get(`${hook.path}/replays/${replay}`)).toMatchObject(notFound)
      } else {
        await enable(hook, false)
        if (how !== 'disabled') await enable(hook)
        // Deliveries that nobody answers would keep it waiting.
        await db.updateTable('deliveries').set({ status: 'failed' }).where('replay_id', '=', replay).execute()
        expect(await over(hook, replay)).toMatchObject({ status: 'canceled', event_count: 400 })
      }
      await makeDue(db, replayStep.name)
      await poll(
        () => waitingJobs(db, replayStep.name),
        (jobs) => jobs.length === 0,
      )
    },
  )

  test('bad input', async () => {
    const hook = await makeWebhook()
    const iso = (ms: number) => new Date(Date.now() + ms).toISOString()
    const hour = 3_600_000
    const cases: [object, Record<string, unknown>][] = [
      [{}, { since: ['is required'] }],
      [{ since: 'monday' }, { since: [expect.stringMatching(/timestamp such as/)] }],
      [{ since: 1_764_000_000 }, { since: [expect.any(String)] }],
      [{ since: iso(hour) }, { since: ['must not be in the future'] }],
      [{ since: iso(-hour), until: iso(hour) }, { until: ['must not be in the future'] }],
      [{ since: iso(-hour), until: iso(-2 * hour) }, { since: ['must be before until'] }],
      [{ since: longAgo, until: longAgo }, { since: ['must be before until'] }],
      [{ since: longAgo, events: [] }, { events: [expect.stringMatching(/at least 1/)] }],
      [{ since: longAgo, events: ['order.shipped'] }, { events: [expect.stringMatching(/unknown event/)] }],
      [{ since: longAgo, events: 'notification.sent' }, { events: ['must be an array'] }],
      [{ since: longAgo, status: 'succeeded' }, { status: ['must be one of failed, all'] }],
    ]
    for (const [body, details] of cases) {
      const answer = await running.api.post(`${hook.path}/replay`, body)
      expect(answer, JSON.stringify(body)).toMatchObject({
        status: 422,
        body: { error: 'Validation failed' },
      })
      expect(answer.body.details).toEqual(details)
    }
    const nameless = await makeWebhook({ events: [] })
    expect((await running.api.post(`${nameless.path}/replay`, { since: longAgo })).body.details).toEqual({
      events: ['the webhook names none: say which'],
    })
    await enable(hook, false)
    expect((await running.api.post(`${hook.path}/replay`, { since: longAgo })).body.details).toEqual({
      enabled: ['the webhook is disabled: enable it first'],
    })
    expect((await running.api.get(`${hook.path}/replays`)).body).toEqual({ data: [], next_cursor: null })
    expect(await running.api.get(`${hook.path}/replays?cursor=x`)).toMatchObject({ status: 422 })
    for (const id of [newId(), 'first']) {
      expect(await running.api.get(`${hook.path}/replays/${id}`)).toMatchObject(notFound)
      expect(await running.api.post(`${hook.path}/replays/${id}/cancel`, {})).toMatchObject(notFound)
    }
    const elsewhere = await makeWebhook()
    const theirs = await start(elsewhere)
    expect(await running.api.get(`${hook.path}/replays/${theirs}`)).toMatchObject(notFound)
    expect(await running.api.post(`${hook.path}/replays/${theirs}/cancel`, {})).toMatchObject(notFound)
    expect(await over(elsewhere, theirs)).toMatchObject({ status: 'completed' })
  })
})
