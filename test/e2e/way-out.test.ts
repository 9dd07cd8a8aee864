import { afterAll, beforeAll, expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { makeDataFolder } from '../support/backends.ts'
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.ts'
import { deliveriesOf, emit, insertDevices } from '../support/database.ts'
import { type NameServer, startNameServer } from '../support/name-server.ts'
import { type PushService, startPushService } from '../support/push-service.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'

let running: TestService
let receiver: Receiver
let pushService: PushService
let proxy: ConnectProxy
let nameServer: NameServer
const password = 'proxy-hunter2'

beforeAll(async () => {
  ;[receiver, pushService, proxy, nameServer] = await Promise.all([
    startReceiver(),
    startPushService(),
    startConnectProxy(),
    startNameServer(() => ['127.0.0.1']),
  ])
  nameServer.ttlSeconds = 0
  running = await startTestService(makeDataFolder(), {
    KRAFTER_DNS_SERVERS: nameServer.address,
    KRAFTER_OUTBOUND_PROXY: proxy.url.replace('//', `//way:${password}@`),
  })
})

afterAll(async () => {
  await running.end()
  await Promise.all([receiver.stop(), pushService.stop(), proxy.stop(), nameServer.stop()])
})

test('webhooks and pushes go out through the proxy, and dead names delay nobody', async () => {
  const { api } = running
  const { port } = new URL(receiver.origin)
  const appId: string = (await api.post('/push/apps', { name: 'Shop' })).body.data.id
  const base = `/push/apps/${appId}`
  const make = async (url: string) =>
    (await api.post(`${base}/webhooks`, { url, events: ['notification.sent'] })).body.data.id as string
  const deadAppId: string = (await api.post('/push/apps', { name: 'Dead' })).body.data.id
  await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      api.post(`/push/apps/${deadAppId}/webhooks`, {
        url: `https://hook-${i}.dead.example/`,
        events: ['notification.sent'],
      }),
    ),
  )
  nameServer.answer = (name) => (name.endsWith('.dead.example') ? 'silence' : ['127.0.0.1'])
  await emit(running.service, deadAppId)
  const webhookId = await make(`https://hook.test.example:${port}/named`)
  await insertDevices(running.service.deps.db, appId, [pushService.makeDevice()])
  // Behind the dead names, each would wait for three seconds. A busy machine may take as long, but not again and again.
  const waitsMs: number[] = []
  while (waitsMs.length < 4 && !waitsMs.some((ms) => ms < 2_500)) {
    const from = performance.now()
    expect((await api.post(`${base}/notifications`, { title: 'News' })).status).toBe(201)
    await receiver.waitFor(waitsMs.length + 1, '/named')
    waitsMs.push(performance.now() - from)
  }
  expect(Math.min(...waitsMs)).toBeLessThan(2_500)
  expect(pushService.pushes).toHaveLength(waitsMs.length)
  const rows = await poll(
    () => deliveriesOf(running.service.deps.db, webhookId),
    (all) => all.every(({ status }) => status !== 'pending'),
  )
  expect(rows).toMatchObject(waitsMs.map(() => ({ status: 'succeeded', attempt_count: 1 })))
  const authorization = `Basic ${Buffer.from(`way:${password}`).toString('base64')}`
  expect(new Set(proxy.asked.map((asked) => JSON.stringify(asked)))).toEqual(
    new Set(
      [receiver.origin, pushService.origin].map((origin) =>
        JSON.stringify({ authority: new URL(origin).host, authorization }),
      ),
    ),
  )
  expect(JSON.stringify(running.logs)).not.toContain(password)
})
