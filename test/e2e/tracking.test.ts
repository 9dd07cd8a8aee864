import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { createReceiptBuffer } from '../../src/tracking/receipt-buffer.ts'
import type { Report } from '../../src/tracking/report.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { readEvents } from '../support/events.ts'
import { startTestService } from '../support/service.ts'
import { useStage } from '../support/stage.ts'

const dayMs = 86_400_000
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const reported = ['notification.delivered', 'notification.clicked', 'subscriber.unsubscribed']
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

describeOnEachBackend('what devices report', (make) => {
  const stage = useStage(make)

  const report = (what: string, body: unknown, contentType = 'application/json') =>
    fetch(`${stage.running.service.url}/api/v1/push/track/${what}`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  /** A notification that was sent to devices of a new app, and what each of them got. */
  async function sendTo(count: number) {
    const appId: string = (await stage.api.post('/push/apps', { name: 'A' })).body.data.id
    const base = `/push/apps/${appId}`
    await stage.api.post(`${base}/webhooks`, {
      url: `${stage.receiver.origin}/${appId}`,
      events: reported,
      secret,
    })
    const devices = []
    for (let index = 0; index < count; index++) {
      const device = stage.pushService.makeDevice()
      const { body } = await stage.api.post(`${base}/subscribers`, {
        ...device.registration,
        user_id: `user-${index}`,
      })
      devices.push({ device, subscriberId: body.data.id as string })
    }
    const { id } = (await stage.api.post(`${base}/notifications`, { title: 'Hello' })).body.data
    const path = `${base}/notifications/${id}`
    await poll(
      () => stage.api.get(path),
      ({ body }) => body.data.status === 'sent',
    )
    const tokens = devices.map(({ device }) => {
      const push = stage.pushService.pushes.find((push) => push.device === device)!
      return push.payload.t as string
    })
    const stats = async () => {
      const { delivered_count, clicked_count } = (await stage.api.get(path)).body.data.stats
      return { delivered: delivered_count, clicked: clicked_count }
    }
    const events = () => readEvents(stage.running.service.deps.db, appId)
    return { appId, base, id, path, tokens, subscribers: devices, stats, events }
  }

  const about = (sent: Awaited<ReturnType<typeof sendTo>>, index: number) => ({
    notification_id: sent.id,
    app_id: sent.appId,
    subscriber_id: sent.subscribers[index]!.subscriberId,
    user_id: `user-${index}`,
    platform: 'web',
    at: expect.stringMatching(timestamp),
  })

  test('a delivery and a click are counted once each, and told to webhooks once each', async () => {
    const sent = await sendTo(2)
    const [t, other] = sent.tokens
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => report('delivered', { t })),
      ...Array.from({ length: 5 }, () => report('clicked', { t, action: 'track' })),
      report('clicked', { t: other }),
    ])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]))
    expect(answers[0]!.headers.get('access-control-allow-origin')).toBe('*')
    // All is done by the time it is answered.
    expect(await sent.stats()).toEqual({ delivered: 1, clicked: 2 })
    expect(await sent.events()).toHaveLength(3)
    await report('delivered', { t })
    await report('clicked', { t, action: 'another' })
    expect(await sent.stats()).toEqual({ delivered: 1, clicked: 2 })

    const deliveries = await stage.receiver.waitFor(3, `/${sent.appId}`)
    const verify = (one: (typeof deliveries)[number]) =>
      new Webhook(secret).verify(one.body, one.headers as Record<string, string>)
    const told = deliveries.map(verify)
    expect(told).toHaveLength(3)
    expect(told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'notification.delivered', data: about(sent, 0) }),
        expect.objectContaining({
          event: 'notification.clicked',
          data: { ...about(sent, 0), action: 'track' },
        }),
        expect.objectContaining({ event: 'notification.clicked', data: about(sent, 1) }),
      ]),
    )
  })

  test('a beacon sends its JSON as text', async () => {
    const sent = await sendTo(1)
    const body = JSON.stringify({ t: sent.tokens[0] })
    expect((await report('delivered', body, 'text/plain;charset=UTF-8')).status).toBe(204)
    expect(await sent.stats()).toEqual({ delivered: 1, clicked: 0 })
  })

  test('browsers are told that they may', async () => {
    const answer = await fetch(`${stage.running.service.url}/api/v1/push/track/clicked`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(answer.status).toBe(204)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
    })
  })

  test('an opt-out from the device is one event, and nothing is sent to it any more', async () => {
    const sent = await sendTo(1)
    const [t] = sent.tokens
    const answers = await Promise.all(Array.from({ length: 4 }, () => report('unsubscribed', { t })))
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204])
    const subscriber = await stage.api.get(`${sent.base}/subscribers/${sent.subscribers[0]!.subscriberId}`)
    expect(subscriber.body.data.status).toBe('unsubscribed')
    const { at: _, notification_id: __, ...data } = about(sent, 0)
    expect((await sent.events()).map(({ body }) => body)).toEqual([
      expect.objectContaining({ event: 'subscriber.unsubscribed', data }),
    ])
  })

  test('whatever else comes is answered alike and changes nothing', async () => {
    const sent = await sendTo(1)
    const [t] = sent.tokens
    const last = t!.endsWith('A') ? 'B' : 'A'
    const bodies: unknown[] = [
      {},
      [],
      '',
      'null',
      '{"t":',
      `"${t}"`,
      { t: null },
      { t: '' },
      { t: [t] },
      { t: `${t}=` },
      { t: `${t!.slice(0, -1)}${last}` },
      { t: `${t!.slice(0, 30)}${last}${t!.slice(31)}` },
      { T: t },
    ]
    for (const what of ['delivered', 'clicked', 'unsubscribed']) {
      for (const body of bodies) {
        const answer = await report(what, body)
        expect({ body, status: answer.status, text: await answer.text() }).toEqual({
          body,
          status: 204,
          text: '',
        })
      }
    }
    const bare = await fetch(`${stage.running.service.url}/api/v1/push/track/delivered`, { method: 'POST' })
    expect(bare.status).toBe(204)
    expect((await report('delivered', { t: 'x'.repeat(5_000) })).status).toBe(413)
    expect(await sent.stats()).toEqual({ delivered: 0, clicked: 0 })
    expect(await sent.events()).toEqual([])
  })

  test('what was pushed to one user says nothing of the next one with the token', async () => {
    const sent = await sendTo(1)
    const [{ device, subscriberId }] = sent.subscribers as [(typeof sent.subscribers)[number]]
    const [ofUser0] = sent.tokens
    const move = (user_id: string) =>
      stage.api.post(`${sent.base}/subscribers`, { ...device.registration, user_id })
    expect((await move('user-1')).body.data.id).toBe(subscriberId)
    for (const what of ['delivered', 'clicked', 'unsubscribed']) {
      expect((await report(what, { t: ofUser0 })).status).toBe(204)
    }
    expect(await sent.stats()).toEqual({ delivered: 0, clicked: 0 })
    expect(await sent.events()).toEqual([])
    const { id } = (await stage.api.post(`${sent.base}/notifications`, { title: 'For user 1' })).body.data
    const path = `${sent.base}/notifications/${id}`
    await poll(
      () => stage.api.get(path),
      ({ body }) => body.data.status === 'sent',
    )
    const ofUser1 = stage.pushService.pushes.findLast((push) => push.device === device)!.payload.t
    await report('clicked', { t: ofUser1 })
    expect((await stage.api.get(path)).body.data.stats).toMatchObject({
      delivered_count: 0,
      clicked_count: 1,
    })
    expect((await sent.events()).map(({ body }) => body.data.user_id)).toEqual(['user-1'])
    await report('unsubscribed', { t: ofUser1 })
    expect((await stage.api.get(`${sent.base}/subscribers/${subscriberId}`)).body.data.status).toBe(
      'unsubscribed',
    )
  })

  test('a report of what is gone, or too old, changes nothing', async () => {
    const sent = await sendTo(2)
    const [t, deleted] = sent.tokens
    await stage.api.delete(`${sent.base}/subscribers/${sent.subscribers[1]!.subscriberId}`)
    expect((await report('delivered', { t: deleted })).status).toBe(204)
    expect((await report('unsubscribed', { t: deleted })).status).toBe(204)
    stage.running.clock.ahead = (stage.running.service.deps.config.retentionDays + 1) * dayMs
    try {
      expect((await report('delivered', { t })).status).toBe(204)
    } finally {
      stage.running.clock.ahead = 0
    }
    expect(await sent.stats()).toEqual({ delivered: 0, clicked: 0 })
    expect((await sent.events()).map(({ type }) => type)).toEqual(['subscriber.unsubscribed'])
    await stage.api.delete(sent.base)
    for (const what of ['delivered', 'clicked', 'unsubscribed']) {
      expect((await report(what, { t })).status).toBe(204)
    }
    const { db } = stage.running.service.deps
    expect(await db.selectFrom('receipts').selectAll().where('app_id', '=', sent.appId).execute()).toEqual([])
    expect(await sent.events()).toEqual([])
  })

  test('thousands at once are recorded in groups, and each is counted once', async () => {
    const { deps } = stage.running.service
    const sent = await sendTo(1)
    const { appId, id } = sent
    const [webhook] = (await stage.api.get(`${sent.base}/webhooks`)).body.data
    await stage.api.patch(`${sent.base}/webhooks/${webhook.id}`, { enabled: false })
    const { rows } = await sql<{ id: string }>`
      insert into subscribers (app_id, id, platform, token, token_hash, tags, metadata, status, last_seen_at,
        created_at, updated_at)
      select ${appId}::uuid, gen_random_uuid(), 'web', 'https://push.example/' || n, sha256(n::text::bytea), '{}',
        '{}', 'active', now() - interval '60 days', now(), now()
      from generate_series(1, 2000) as n returning id`.execute(deps.db)
    const at = new Date()
    const push = (subscriberId: string) => ({ appId, notificationId: id, subscriberId, userEpoch: 0, at })
    const reports: Report[] = rows.flatMap((row) => [
      { kind: 'delivered', ...push(row.id) },
      { kind: 'clicked', ...push(row.id) },
    ])
    // Two processes, whose groups overlap.
    const buffers = [createReceiptBuffer(deps), createReceiptBuffer(deps)]
    const before = stage.running.logs.length
    await Promise.all(
      buffers.flatMap((buffer) => [...reports, ...reports.toReversed()].map((report) => buffer.add(report))),
    )
    expect(await sent.stats()).toEqual({ delivered: 2_000, clicked: 2_000 })
    const events = await sent.events()
    expect(events).toHaveLength(4_000)
    expect(new Set(events.map(({ type, body }) => type + body.data.subscriber_id)).size).toBe(4_000)
    const groups = stage.running.logs.slice(before).filter(({ msg }) => msg === 'receipts.recorded')
    expect(groups).toHaveLength(16)
    expect(groups.reduce((sum, { delivered }) => sum + Number(delivered), 0)).toBe(2_000)
    // Who reports is there.
    const seen = await stage.api.get(`${sent.base}/subscribers?limit=100`)
    for (const { last_seen_at } of seen.body.data) {
      expect(Date.parse(last_seen_at)).toBeGreaterThan(Date.now() - dayMs)
    }
  })

  test('tokens outlive a restart; clients that report too much are told to wait, from any origin', async () => {
    const sent = await sendTo(1)
    const [t] = sent.tokens
    await stage.running.stop()
    stage.running = await startTestService(stage.storage, {
      KRAFTER_RATE_LIMIT_PUBLIC: '3',
      KRAFTER_BOOTSTRAP_API_KEY: stage.api.key,
    })
    const answers = []
    for (let count = 0; count < 4; count++) answers.push(await report('delivered', { t }))
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 429])
    const refused = answers[3]!
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
    expect(refused.headers.get('x-ratelimit-limit')).toBe('3')
    expect(await sent.stats()).toEqual({ delivered: 1, clicked: 0 })
  })
})
