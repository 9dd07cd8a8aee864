import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { makeBatchesDue, waitingBatches } from '../support/database.ts'
import { readEvents } from '../support/events.ts'
import { useStage } from '../support/stage.ts'

describeOnEachBackend('notification.failed', (make) => {
  const stage = useStage(make, { KRAFTER_PUSH_MAX_AGE: '60' })

  async function makeApp(webhook: object) {
    const appId: string = (await stage.api.post('/push/apps', { name: 'A' })).body.data.id
    const base = `/push/apps/${appId}`
    const { status } = await stage.api.post(`${base}/webhooks`, {
      url: `${stage.receiver.origin}/${appId}`,
      ...webhook,
    })
    expect(status).toBe(201)
    return { appId, base }
  }

  async function send(base: string, body: object = {}) {
    const { id } = (await stage.api.post(`${base}/notifications`, { title: 'Hello', ...body })).body.data
    const done = await poll(
      () => stage.api.get(`${base}/notifications/${id}`),
      ({ body }) => ['sent', 'failed'].includes(body.data.status),
    )
    return done.body.data
  }

  test('one for each subscriber that is given up, with the reason and what the push service said', async () => {
    const { appId, base } = await makeApp({ events: ['notification.failed'] })
    const answers = { fine: 201, gone: 410, odd: 400, large: 413, busy: 503 }
    const subscribers: Record<string, string> = {}
    for (const name of Object.keys(answers)) {
      const { registration } = stage.pushService.makeDevice(name)
      const made = await stage.api.post(`${base}/subscribers`, { ...registration, user_id: `user-${name}` })
      subscribers[name] = made.body.data.id
    }
    const phone = await stage.api.post(`${base}/subscribers`, { platform: 'android', token: 'phone' })
    stage.pushService.answer = ({ device }, response) => {
      const name = device.path.slice('/push/'.length) as keyof typeof answers
      if (name === 'odd') response.setHeader('apns-id', name)
      response.writeHead(answers[name]).end(name === 'odd' ? '{"reason":"BadTtl"}' : '')
    }
    // What may work later would be too late: its time to live is shorter than any wait.
    const notification = await send(base, { platform_overrides: { web: { ttl: 3 } } })

    expect(notification.stats).toMatchObject({ sent_count: 1, failed_count: 5 })
    const received = await stage.receiver.waitFor(5, `/${appId}`)
    const events = received.map(({ body }) => JSON.parse(body.toString()))
    const about = (id: string, data: object) =>
      expect.objectContaining({
        event: 'notification.failed',
        data: {
          notification_id: notification.id,
          app_id: appId,
          subscriber_id: id,
          user_id: null,
          platform: 'web',
          ...data,
        },
      })
    expect(events).toHaveLength(5)
    expect(events).toEqual(
      expect.arrayContaining([
        about(subscribers.gone!, {
          user_id: 'user-gone',
          reason: 'gone',
          status: 410,
          failure_reason: 'the push service answered 410: the subscription is gone',
        }),
        about(subscribers.odd!, {
          user_id: 'user-odd',
          reason: 'rejected',
          status: 400,
          failure_reason: 'the push service answered 400: BadTtl (apns-id odd)',
        }),
        about(subscribers.large!, {
          user_id: 'user-large',
          reason: 'too_large',
          status: 413,
          failure_reason: 'the push service answered 413',
        }),
        about(subscribers.busy!, {
          user_id: 'user-busy',
          reason: 'expired',
          status: 503,
          failure_reason: 'the push service answered 503',
        }),
        about(phone.body.data.id, {
          platform: 'android',
          reason: 'rejected',
          status: null,
          failure_reason: 'this version cannot send to android yet',
        }),
      ]),
    )
  })

  test('a push is not tried after KRAFTER_PUSH_MAX_AGE, though its time to live goes on', async () => {
    const { appId, base } = await makeApp({ events: ['notification.failed'] })
    await stage.api.post(`${base}/subscribers`, stage.pushService.makeDevice('stubborn').registration)
    stage.pushService.answer = (_, response) => void response.writeHead(503).end()
    const body = { title: 'Hello', platform_overrides: { web: { ttl: 3_600 } } }
    const { id } = (await stage.api.post(`${base}/notifications`, body)).body.data
    const requests = () => stage.pushService.requests.filter(({ path }) => path === '/push/stubborn').length
    const batches = () => waitingBatches(stage.running.service.deps.db)
    // Not the audience's first batch, which is due at once, but the one for its retry.
    await poll(batches, ([batch]) => batch !== undefined && batch.waitSeconds > 1)
    expect(requests()).toBe(1)

    stage.running.clock.ahead = 61_000
    await makeBatchesDue(stage.running.service.deps.db)
    const [failed] = await stage.receiver.waitFor(1, `/${appId}`)
    expect(JSON.parse(failed!.body.toString()).data).toMatchObject({ reason: 'unreachable', status: null })
    expect(requests()).toBe(1)
    const { body: notification } = await stage.api.get(`${base}/notifications/${id}`)
    expect(notification.data).toMatchObject({ status: 'failed', stats: { failed_count: 1 } })
    expect(await batches()).toEqual([])
    stage.running.clock.ahead = 0
  })

  test('who configures no contact is warned, and reaches the services that need none', () => {
    expect(stage.running.logs.filter(({ msg }) => msg === 'vapid.no_contact')).toMatchObject([
      { level: 'warn' },
    ])
    expect(stage.pushService.pushes[0]!.claims.sub).toBe('mailto:push@krafter.invalid')
  })

  test('thousands are one each', async () => {
    const { appId, base } = await makeApp({
      events: ['notification.failed', 'notification.sent'],
      enabled: false,
    })
    await sql`
      insert into subscribers (app_id, id, platform, token, token_hash, tags, metadata, status, last_seen_at,
        created_at, updated_at)
      select ${appId}::uuid, gen_random_uuid(), 'android', 'device-' || n, sha256(('device-' || n)::bytea), '{}',
        '{}', 'active', now(), now(), now()
      from generate_series(1, 2500) as n`.execute(stage.running.service.deps.db)
    const notification = await send(base)
    expect(notification).toMatchObject({ status: 'failed', stats: { failed_count: 2_500, total_batches: 3 } })
    const events = await readEvents(stage.running.service.deps.db, appId)
    const failed = events.filter(({ type }) => type === 'notification.failed')
    expect(events).toHaveLength(2_501)
    expect(failed).toHaveLength(2_500)
    expect(new Set(failed.map(({ body }) => body.data.subscriber_id)).size).toBe(2_500)
  })
})
