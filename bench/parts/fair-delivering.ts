import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { sizes } from '../sizes.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { milliseconds, rate } from '../table.ts'

/** The most webhooks that an app may have. */
const perApp = 100
/** Pending deliveries of each webhook in the crowd. */
const backlog = 20
const events = 500
const perSecond = 100
const tickMs = 100
const patienceMs = 60_000
/** How long a receiver hangs: its first requests time out in this time, and its concurrency drops to one request. */
const awayMs = 12_000
/** The rate limit of the webhook with the backlog, in requests per second. */
const rateLimit = 500

/**
 * Measures a healthy webhook's latency, created → answered, beside a crowd of webhooks that each have a backlog: first
 * with receivers that answer, then with receivers that hang.
 */
export async function measureCrowd({ stage, backend, table }: PartInput): Promise<void> {
  const { http2, bad } = stage.ends
  const beside = { 'that answer': `${http2.origin}/crowd`, 'that hang': `${bad.origin}/hang` }
  for (const [which, url] of Object.entries(beside)) {
    for (let made = 0; made < sizes.crowd; made += perApp) {
      const appId = await makeApp(stage)
      for (let n = 0; n < perApp; n++) await makeWebhook(stage, appId, url, 'notification.delivered')
      await stage.service.makeEvents(appId, backlog)
    }
    const { p50Ms, p99Ms } = await run(stage)
    const line = `a healthy webhook beside ${sizes.crowd} ${which}: p50, p99`
    table.set(line, backend, `${milliseconds(p50Ms)}, ${milliseconds(p99Ms)}`)
  }
}

/**
 * Measures a new webhook's latency while another receiver works off a backlog. That receiver either just hung for a
 * while or always answered, and its webhook has a rate limit or none.
 */
export async function measureComeback({ stage, backend, table }: PartInput): Promise<void> {
  const { bad, http2 } = stage.ends
  for (const limit of [rateLimit, null]) {
    for (const wasAway of [false, true]) {
      const peer = wasAway ? bad : http2
      await peer.setAway(wasAway)
      const appId = await makeApp(stage)
      const url = `${peer.origin}/leaving/${appId}`
      const webhookId = await makeWebhook(stage, appId, url, 'notification.delivered')
      const path = `/apps/${appId}/webhooks/${webhookId}`
      if (limit !== null) await stage.ask({ method: 'PATCH', path, body: { rate_limit: limit } })
      const awayUntil = performance.now() + (wasAway ? awayMs : 0)
      await stage.service.makeBacklog(appId, sizes.backlog)
      await sleep(Math.max(0, awayUntil - performance.now()))
      await peer.setAway(false)
      await peer.forget()
      const startedAt = performance.now()
      const { p50Ms, p99Ms } = await run(stage)
      const seconds = (performance.now() - startedAt) / 1_000
      const drained = (await peer.arrived(`/leaving/${appId}`)).length / seconds
      const which = `${limit === null ? '' : `that takes ${limit}/s and `}${wasAway ? 'has come back' : 'was never away'}`
      const text = `${milliseconds(p50Ms)}, ${milliseconds(p99Ms)}, ${rate(drained)}`
      table.set(`a fresh webhook beside one ${which}: p50, p99, its backlog`, backend, text)
      await stage.ask({ method: 'DELETE', path })
    }
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
