import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Service } from '../src/app.ts'
import { emitEvents, type NewEvent } from '../src/events/emit-event.ts'
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
  beside: Latency
}

/** Deliveries that each bad receiver has waiting when the second phase begins. */
const badBacklog = 2_000
const perSecond = 100
const tickMs = 100
/** Of the warm-up: transactions at once and one after the other, and the events of each. */
const burstWidth = 12
const burstRounds = 8
const burstEvents = 40
/** How long the last deliveries may take. */
const patienceMs = 30_000

/** A healthy webhook's latency, created → answered, alone and beside receivers that hang, drip and flood. */
await answerParent(async (input: IsolationInput): Promise<IsolationResult> => {
  const service = await startBenchService(input)
  await run(service, input, perSecond)
  await burst(service, input)
  const alone = await run(service, input, input.events)
  await makeBadNeighbours(service, input.badOrigin)
  const beside = await run(service, input, input.events)
  await service.stop()
  return { alone, beside }
})

async function makeWebhook({ deps }: Service, appId: string, url: string): Promise<void> {
  const webhook = { id: newId(), appId, url, events: ['notification.delivered'], enabled: true }
  await insertWebhook(deps.db, webhook, deps.clock.now())
}

async function makeBadNeighbours(service: Service, origin: string): Promise<void> {
  for (const path of badPaths) {
    const appId = await makeApp(service)
    await makeWebhook(service, appId, `${origin}${path}`)
    await emit(service, appId, badBacklog)
  }
}

async function run(service: Service, { origin }: IsolationInput, count: number): Promise<Latency> {
  const appId = await makeApp(service)
  await makeWebhook(service, appId, `${origin}/hook`)
  const perTick = (perSecond * tickMs) / 1_000
  for (let sent = 0; sent < count; sent += perTick) {
    const startedAt = performance.now()
    await emit(service, appId, perTick)
    await sleep(Math.max(0, tickMs - (performance.now() - startedAt)))
  }
  return readLatency(service, appId, count)
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
  await deps.db.transaction().execute((trx) => emitEvents(trx, deps, events))
}

/** Without it the burst of the bad neighbours would be the first, and open connections that do not know the tables yet. */
async function burst(service: Service, { origin }: IsolationInput): Promise<void> {
  const appId = await makeApp(service)
  await makeWebhook(service, appId, `${origin}/hook`)
  for (let round = 0; round < burstRounds; round += 1) {
    await Promise.all(Array.from({ length: burstWidth }, () => emit(service, appId, burstEvents)))
  }
  await readLatency(service, appId, burstRounds * burstWidth * burstEvents)
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
