import { setTimeout as sleep } from 'node:timers/promises'
import type { Request } from '../client.ts'
import type { PartInput } from '../part.ts'
import { requestsAtOnce } from '../sizes.ts'
import { makeApp, makeWebhook, type Peer, type Stage } from '../stage.ts'
import { median, milliseconds, rate, rounds, times } from '../table.ts'

const users = 200
const count = 3_200
/** Notifications until V8 has compiled the hot code: up to here, each thousand is faster than the one before. */
const warmUp = 16_000
const singles = 40
const pauseMs = 60
const patienceMs = 120_000

/** Measures single-user notifications, sent one by one over the API, until the webhook receives the event. */
export async function measureNotifications({ stage, backend, table, baselines }: PartInput): Promise<void> {
  for (const [peer, over] of [
    [stage.ends.http2, ''],
    [stage.ends.http1, ', over HTTP/1.1'],
  ] as const) {
    const appId = await makeAudience(stage, peer)
    await send(stage, peer, appId, warmUp)
    const runs = []
    for (let round = 0; round < rounds; round++) runs.push(await send(stage, peer, appId, count))
    const received = median(runs.map(({ receivedPerSecond }) => receivedPerSecond))
    const ratio = times(received / baselines.webPush, 'web-push')
    table.set(`notifications, created → webhook received${over}`, backend, `${rate(received)}, ${ratio}`)
    if (over === '') {
      const posted = median(runs.map(({ postedPerSecond }) => postedPerSecond))
      table.set('POST notifications, while these are sent', backend, rate(posted))
    }
    const alone = await sendAlone(stage, peer, appId)
    table.set(`one alone, created → webhook received, median${over}`, backend, milliseconds(alone))
  }
}

async function makeAudience(stage: Stage, peer: Peer): Promise<string> {
  const appId = await makeApp(stage)
  await makeWebhook(stage, appId, `${peer.origin}/hook`, 'notification.sent')
  await stage.client.load({ request: registration(stage, appId), count: users, atOnce: requestsAtOnce })
  return appId
}

/** The request that registers a subscriber with its own user. */
export function registration({ ends }: Stage, appId: string): Request {
  const keys = { p256dh: ends.subscription.keys.p256dh, auth: ends.subscription.keys.auth }
  const token = `${ends.pushService.origin}/push/${appId}/{n}`
  const body = { platform: 'web', token, keys, user_id: 'user-{n}' }
  return { method: 'POST', path: `/apps/${appId}/subscribers`, body }
}

export function notification(appId: string, user: string): Request {
  const targeting = { type: 'user_ids', ids: [user] }
  const body = { title: 'Hello {n}', body: 'The quick brown fox', url: 'https://example.com/', targeting }
  return { method: 'POST', path: `/apps/${appId}/notifications`, body }
}

async function send({ client }: Stage, peer: Peer, appId: string, wanted: number) {
  await peer.forget()
  // One load per user, each with one request at a time: `requestsAtOnce` requests run in total.
  const loads = Array.from({ length: requestsAtOnce }, (_, i) =>
    client.load({ request: notification(appId, `user-${i}`), count: wanted / requestsAtOnce, atOnce: 1 }),
  )
  const posted = await Promise.all(loads)
  const startedAt = Math.min(...posted.map((load) => load.startedAt))
  const arrivals = await peer.receive(Math.floor(wanted / requestsAtOnce) * requestsAtOnce, patienceMs)
  const perSecond = arrivals.length / ((Math.max(...arrivals) - startedAt) / 1_000)
  return {
    receivedPerSecond: perSecond,
    postedPerSecond: posted.reduce((sum, load) => sum + load.perSecond, 0),
  }
}

async function sendAlone({ client }: Stage, peer: Peer, appId: string): Promise<number> {
  const found: number[] = []
  for (let i = 0; i < singles; i++) {
    await sleep(pauseMs)
    await peer.forget()
    const { at } = await client.ask(notification(appId, `user-${i}`))
    const [arrived] = await peer.receive(1, patienceMs)
    found.push(arrived! - at)
  }
  return median(found)
}
