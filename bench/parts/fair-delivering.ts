import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { sizes } from '../sizes.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { milliseconds, rate } from '../table.ts'

/** An app may have no more. */
const perApp = 100
/** Deliveries that each of the crowd has waiting. */
const backlog = 20
const events = 500
const perSecond = 100
const tickMs = 100
const patienceMs = 60_000
/** So long a receiver hangs before it comes back: until its first requests have timed out and it is down to one. */
const awayMs = 12_000
/** Requests a second that the receiver with the backlog takes. */
const rateLimit = 500

/**
 * A healthy webhook's latency, created → answered, beside a crowd of others with a backlog each: whose receivers
 * answer, and whose receivers hang.
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
 * A fresh webhook's latency while a receiver works off the backlog from a time in which it hung, and while one does that
 * was never away; with a limit of its own, and with none.
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
