import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../child.ts'
import type { ClientApi } from '../client.ts'
import type { PartInput } from '../part.ts'
import { requestsAtOnce, sizes } from '../sizes.ts'
import { makeApp, type Stage } from '../stage.ts'
import { milliseconds, quantile } from '../table.ts'
import { notification, registration } from './notifications.ts'

/** Time between two notifications of one app. */
const everyMs = 40
const patienceMs = 60_000
/** Time until a disturbance takes full effect, for example until every running push waits for a hanging receiver. */
const settleMs = 1_500
/** No server listens on this port. */
const downOrigin = 'https://127.0.0.1:9'

/** An app whose single notifications are timed. Each notification goes to a different user. */
interface App {
  id: string
  name: 'A' | 'B'
}

/** Starts app A's load while singles of apps A and B are timed. @returns the requests to wait for at the end */
type Disturbance = (
  stage: Stage,
  appId: string,
  neighbour: Child<ClientApi>,
) => Promise<{ posts?: Promise<unknown> }>

const scenarios: Record<string, Disturbance> = {
  'to get warm': async () => ({}),
  alone: async () => ({}),
  'while A sends a campaign': (stage, appId) => campaign(stage, appId, [stage.ends.pushService.origin]),
  'while A sends to who answers after 7 s': (stage, appId) =>
    campaign(stage, appId, [`${stage.ends.bad.origin}/slow`]),
  'while A sends to who never answers': (stage, appId) =>
    campaign(stage, appId, [`${stage.ends.bad.origin}/hang`]),
  'while A sends, half of it to who is down': (stage, appId) =>
    campaign(stage, appId, [stage.ends.pushService.origin, downOrigin]),
  'while A posts many at once': async (stage, appId, neighbour) => {
    await register(stage, appId, `${stage.ends.pushService.origin}/burst/${appId}`, 'burst', 1)
    const atOnce = sizes.burst
    return { posts: neighbour.load({ request: notification(appId, 'burst'), count: sizes.burst, atOnce }) }
  },
}

/**
 * Measures single-user notifications of apps A and B to a healthy push service, from the request until the push. They
 * run first alone, then during loads of app A from which other notifications must not suffer.
 */
export async function measureFairSending({ stage, backend, table }: PartInput): Promise<void> {
  const neighbour = await stage.openClient(sizes.burst)
  const b: App = { id: await makeApp(stage), name: 'B' }
  for (const [what, disturb] of Object.entries(scenarios)) {
    const a: App = { id: await makeApp(stage), name: 'A' }
    for (const { id } of [a, b]) {
      await register(
        stage,
        id,
        `${stage.ends.http2.origin}/single/${id}/${a.id}/{n}`,
        `${a.id}-{n}`,
        sizes.singles,
      )
    }
    const { posts } = await disturb(stage, a.id, neighbour)
    const found = await timeSingles(stage, a, [a, b])
    await posts
    await stage.ask({ method: 'DELETE', path: `/apps/${a.id}` })
    for (const [name, ms] of Object.entries(found)) {
      const text = `${milliseconds(quantile(ms, 0.5))}, ${milliseconds(quantile(ms, 0.99))}`
      table.set(`a push of ${name} ${what}: p50, p99`, backend, text)
    }
  }
  await neighbour.end()
}

const watchMs = 3_000

/** Measures which share of the pushes a second campaign, of another app, gets from the moment it is posted. */
export async function measureShares(input: PartInput): Promise<void> {
  const { stage, backend, table } = input
  const { pushService } = stage.ends
  const [first, second] = [await makeApp(stage), await makeApp(stage)]
  for (const appId of [first, second]) {
    await stage.service.makeSubscribers(appId, `${pushService.origin}/${appId}`, sizes.audience)
  }
  await pushService.forget()
  await post(stage, first)
  await sleep(settleMs)
  const { at } = await post(stage, second)
  await sleep(watchMs)
  const timesOf = async (appId: string) => (await pushService.arrived(`/${appId}/`)).map((came) => came.at)
  const ofFirst = (await timesOf(first)).filter((came) => came > at)
  const ofSecond = await timesOf(second)
  const share = ofSecond.length / (ofFirst.length + ofSecond.length)
  const text = `${milliseconds(Math.min(...ofSecond) - at)}, ${Math.round(share * 100)} %`
  table.set(`a second campaign: its first push, its share in ${watchMs / 1_000} s`, backend, text)
  for (const appId of [first, second]) await stage.ask({ method: 'DELETE', path: `/apps/${appId}` })
}

async function register(stage: Stage, appId: string, token: string, user: string, count: number) {
  const { body, ...request } = registration(stage, appId)
  const mine = { ...request, body: { ...(body as object), token, user_id: user } }
  await stage.client.load({ request: mine, count, atOnce: requestsAtOnce })
}

async function campaign(stage: Stage, appId: string, origins: readonly string[]) {
  for (const origin of origins) {
    await stage.service.makeSubscribers(appId, origin, Math.round(sizes.audience / origins.length))
  }
  await post(stage, appId)
  await sleep(settleMs)
  return {}
}

function post({ client }: Stage, appId: string) {
  const body = { title: 'Campaign', body: 'To all', targeting: { type: 'tags', tags: ['crowd'] } }
  return client.ask({ method: 'POST', path: `/apps/${appId}/notifications`, body })
}

/** @returns for each app, the milliseconds from each request to its push */
async function timeSingles(stage: Stage, { id }: App, apps: readonly App[]) {
  const { client, ends } = stage
  await ends.http2.forget()
  const asked: Promise<[path: string, at: number, app: App]>[] = []
  for (let n = 0; n < sizes.singles; n++) {
    for (const app of apps) {
      const sent = client.ask(notification(app.id, `${id}-${n}`))
      asked.push(sent.then(({ at }) => [`/single/${app.id}/${id}/${n}`, at, app]))
      await sleep(everyMs / apps.length)
    }
  }
  const sent = await Promise.all(asked)
  await ends.http2.receive(sent.length, patienceMs)
  const arrivals = new Map((await ends.http2.arrived('/single/')).map(({ path, at }) => [path, at]))
  const times = sent.map(([path, at, { name }]) => ({ name, ms: arrivals.get(path)! - at }))
  const byApp = Map.groupBy(times, ({ name }) => name)
  return Object.fromEntries([...byApp].map(([name, found]) => [name, found.map(({ ms }) => ms)]))
}
