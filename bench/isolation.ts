import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Service } from '../src/app.ts'
import { emitEvents, type NewEvent } from '../src/deliveries/publish-event.ts'
import { toTimestamp } from '../src/platform/clock.ts'
import { newId } from '../src/platform/ids.ts'
import { insertWebhook } from '../src/webhooks/webhook-store.ts'
import { badPaths } from './bad-peer.ts'
import { type BenchInput, makeApp, startBenchService } from './bench-service.ts'
import { answerParent } from './child.ts'

export interface IsolationInput extends BenchInput {
  badOrigin: string
  /** Events for the healthy webhook, in each phase. */
  events: number
}

export interface Latency {
  p50Ms: number
  p99Ms: number
}

export interface IsolationResult {
  alone: Latency
  burst: Latency
  badBurst: Latency
  bad: Latency
}

/** Deliveries that each neighbour has waiting when it appears. */
const backlog = 2_000
const perSecond = 100
const tickMs = 100
/** How long the last deliveries may take. */
const patienceMs = 30_000

/**
 * A healthy webhook's latency, created → answered: alone; while a burst to neighbours whose receivers answer at once is
 * worked off; while one to neighbours whose receivers hang, drip and flood is; and beside these afterwards, while they
 * get as many events as the healthy one.
 */
await answerParent(async (input: IsolationInput): Promise<IsolationResult> => {
  const service = await startBenchService(input)
  await run(service, input, perSecond)
  const alone = await run(service, input, input.events)
  await makeNeighbours(service, input.origin)
  const burst = await run(service, input, input.events)
  const neighbours = await makeNeighbours(service, input.badOrigin)
  const badBurst = await run(service, input, input.events)
  const bad = await run(service, input, input.events, neighbours)
  await service.stop()
  return { alone, burst, badBurst, bad }
})

async function makeWebhook({ deps }: Service, appId: string, url: string): Promise<void> {
  const webhook = { id: newId(), appId, url, events: ['notification.delivered'], enabled: true }
  await insertWebhook(deps.db, webhook, deps.clock.now())
}

/** A webhook with a backlog for each path that a bad receiver has; a good one answers on any. @returns their apps */
async function makeNeighbours(service: Service, origin: string): Promise<string[]> {
  const appIds: string[] = []
  for (const path of badPaths) {
    const appId = await makeApp(service)
    await makeWebhook(service, appId, `${origin}${path}`)
    await emit(service, appId, backlog)
    appIds.push(appId)
  }
  return appIds
}

async function run(
  service: Service,
  { origin }: IsolationInput,
  count: number,
  neighbours: string[] = [],
): Promise<Latency> {
  const appId = await makeApp(service)
  await makeWebhook(service, appId, `${origin}/hook`)
  await Promise.all([feed(service, [appId], count), feed(service, neighbours, count)])
  return readLatency(service, appId, count)
}

/** Emits `count` events to apps in turn, some with each tick. */
async function feed(service: Service, appIds: string[], count: number): Promise<void> {
  if (appIds.length === 0) return
  const perTick = (perSecond * tickMs) / 1_000
  for (let tick = 0; tick * perTick < count; tick += 1) {
    const startedAt = performance.now()
    await emit(service, appIds[tick % appIds.length]!, perTick)
    await sleep(Math.max(0, tickMs - (performance.now() - startedAt)))
  }
}

async function emit({ deps }: Service, appId: string, count: number): Promise<void> {
  const occurredAt = deps.clock.now()
  const at = toTimestamp(occurredAt)
  const events = Array.from({ length: count }, (): NewEvent => {
    const ids = { notification_id: newId(), app_id: appId, subscriber_id: newId() }
    return {
      appId,
      type: 'notification.delivered',
      occurredAt,
      data: { ...ids, user_id: null, platform: 'web', at },
    }
  })
  await deps.db.transaction().execute((trx) => emitEvents(trx, events))
}

async function readLatency({ deps }: Service, appId: string, count: number): Promise<Latency> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    const { rows } = await sql<Latency & { count: number }>`
      select count(*)::int as count,
        percentile_disc(0.5) within group (order by ms) as "p50Ms",
        percentile_disc(0.99) within group (order by ms) as "p99Ms"
      from (select extract(epoch from finished_at - created_at)::float8 * 1000 as ms from deliveries
        where app_id = ${appId}::uuid and status = 'succeeded') as settled`.execute(deps.db)
    const { p50Ms, p99Ms, count: settled } = rows[0]!
    if (settled >= count) return { p50Ms, p99Ms }
    if (performance.now() > giveUpAt) throw new Error(`only ${settled} of ${count} deliveries succeeded`)
    await sleep(50)
  }
}
