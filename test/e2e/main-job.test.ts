import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { describeOnEachBackend } from '../support/backends.ts'
import { useStage } from '../support/stage.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describeOnEachBackend('the main job', (make) => {
  const stage = useStage(make)

  test('a notification reaches every subscriber, and its signed webhook arrives', async () => {
    const { api } = stage.running
    const { body: app } = await api.post('/push/apps', {
      name: 'My shop',
      settings: { default_icon: 'https://shop.example/icon.png' },
    })
    const base = `/push/apps/${app.data.id}`
    await api.post(`${base}/webhooks`, {
      url: `${stage.receiver.origin}/hook`,
      events: ['notification.sent'],
      secret,
    })
    const devices = ['ada', 'grace', 'gone'].map((name) => stage.pushService.makeDevice(name))
    for (const { registration } of devices) {
      expect((await api.post(`${base}/subscribers`, registration)).status).toBe(201)
    }
    stage.pushService.answer = ({ device }, response) => {
      response.writeHead(device === devices[2] ? 410 : 201).end()
    }
    const sent = await api.post(`${base}/notifications`, {
      title: 'On its way',
      body: 'Your order has been shipped',
      url: 'https://shop.example/orders/1',
      platform_overrides: { web: { ttl: 600, urgency: 'high', topic: 'order-1' } },
    })
    expect(sent.status).toBe(201)
    const [delivery] = await stage.receiver.waitFor(1, '/hook')

    const event = new Webhook(secret).verify(
      delivery!.body,
      delivery!.headers as Record<string, string>,
    ) as Record<string, unknown>
    expect(event).toMatchObject({
      event: 'notification.sent',
      data: {
        notification_id: sent.body.data.id,
        app_id: app.data.id,
        title: 'On its way',
        sent_count: 2,
        failed_count: 1,
      },
    })
    expect(stage.pushService.pushes.map((push) => push.payload)).toEqual(
      Array(3).fill({
        id: sent.body.data.id,
        app_id: app.data.id,
        title: 'On its way',
        body: 'Your order has been shipped',
        icon: 'https://shop.example/icon.png',
        url: 'https://shop.example/orders/1',
        t: expect.stringMatching(/^[A-Za-z0-9_-]{84}$/),
      }),
    )
    expect(new Set(stage.pushService.pushes.map(({ payload }) => payload.t)).size).toBe(3)
    expect(stage.pushService.pushes[0]!.headers).toMatchObject({
      ttl: '600',
      urgency: 'high',
      topic: 'order-1',
    })

    const read = await api.get(`${base}/notifications/${sent.body.data.id}`)
    expect(read.body.data).toMatchObject({
      status: 'sent',
      stats: { total_count: 3, total_batches: 1, completed_batches: 1, sent_count: 2, failed_count: 1 },
    })
    const inactive = await api.get(`${base}/subscribers?status=inactive`)
    expect(inactive.body.data).toMatchObject([{ token: devices[2]!.registration.token }])
    expect((await api.get(base)).body.data.subscriber_count).toBe(2)
  })

  test('nobody to reach is still one event, with zero counts', async () => {
    const { api } = stage.running
    const { body: app } = await api.post('/push/apps', { name: 'Nobody' })
    const base = `/push/apps/${app.data.id}`
    await api.post(`${base}/webhooks`, {
      url: `${stage.receiver.origin}/nobody`,
      events: ['notification.sent'],
    })
    const sent = await api.post(`${base}/notifications`, { title: 'Hello?' })
    const [delivery] = await stage.receiver.waitFor(1, '/nobody')
    expect(JSON.parse(delivery!.body.toString()).data).toMatchObject({ sent_count: 0, failed_count: 0 })
    const done = await poll(
      () => api.get(`${base}/notifications/${sent.body.data.id}`),
      ({ body }) => body.data.status === 'sent',
    )
    expect(done.body.data.stats).toMatchObject({ total_count: 0, sent_count: 0, failed_count: 0 })
    expect(stage.receiver.to('/nobody')).toHaveLength(1)
  })
})
