import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { milliseconds } from '../table.ts'

const crowd = 300
/** An app may have no more. */
const perApp = 100
/** Deliveries that each of the crowd has waiting. */
const backlog = 20
const events = 500
const perSecond = 100
const tickMs = 100
const patienceMs = 60_000

/**
 * A healthy webhook's latency, created → answered, beside a crowd of others with a backlog each: whose receivers
 * answer, and whose receivers hang.
 */
export async function measureFairness({ stage, backend, table }: PartInput): Promise<void> {
  const { http2, bad } = stage.ends
  const beside = { 'that answer': `${http2.origin}/crowd`, 'that hang': `${bad.origin}/hang` }
  for (const [which, url] of Object.entries(beside)) {
    for (let made = 0; made < crowd; made += perApp) {
      const appId = await makeApp(stage)
      for (let n = 0; n < perApp; n++) await makeWebhook(stage, appId, url, 'notification.delivered')
      await stage.service.makeEvents(appId, backlog)
    }
    const { p50Ms, p99Ms } = await run(stage)
    const line = `a healthy webhook beside ${crowd} ${which}: p50, p99`
    table.set(line, backend, `${milliseconds(p50Ms)}, ${milliseconds(p99Ms)}`)
  }
}

async function run(stage: Stage): Promise<{ p50Ms: number; p99Ms: number }> {
  const appId = await makeApp(stage)
  await makeWebhook(stage, appId, `${stage.ends.http2.origin}/hook`, 'notification.delivered')
  const perTick = (perSecond * tickMs) / 1_000
  for (let made = 0; made < events; made += perTick) {
    const startedAt = performance.now()
    await stage.service.makeEvents(appId, perTick)
    await sleep(Math.max(0, tickMs - (performance.now() - startedAt)))
  }
  return stage.service.latency(appId, events, patienceMs)
}
