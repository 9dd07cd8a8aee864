import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { milliseconds } from '../table.ts'

const events = 1_000
/** Pending deliveries of each neighbour when it is created. */
const backlog = 2_000
const perSecond = 100
const tickMs = 100
/** How long the last deliveries may take. */
const patienceMs = 30_000
const badPaths = ['/hang', '/drip', '/flood']

/**
 * Measures a healthy webhook's latency, created → answered, in four situations: alone; during a burst to neighbours
 * whose receivers answer at once; during a burst to neighbours whose receivers hang, drip and flood; and afterwards,
 * while these neighbours get as many events as the healthy webhook.
 */
export async function measureIsolation({ stage, backend, table }: PartInput): Promise<void> {
  const { http2, bad } = stage.ends
  const measure = async (phase: string, neighbours: string[] = []) => {
    const { p50Ms, p99Ms } = await run(stage, events, neighbours)
    const line = `a healthy webhook ${phase}: p50, p99`
    table.set(line, backend, `${milliseconds(p50Ms)}, ${milliseconds(p99Ms)}`)
  }
  await run(stage, perSecond, [])
  await measure('alone')
  await makeNeighbours(stage, http2.origin)
  await measure('during a burst to others')
  const neighbours = await makeNeighbours(stage, bad.origin)
  await measure('during one to others that hang, drip, flood')
  await measure('beside these when it is over', neighbours)
}

/** Creates a webhook with a backlog for each path of a bad receiver. @returns their apps */
async function makeNeighbours(stage: Stage, origin: string): Promise<string[]> {
  const appIds: string[] = []
  for (const path of badPaths) {
    const appId = await makeApp(stage)
    const url = origin === stage.ends.bad.origin ? `${origin}${path}` : `${origin}/hook${path}`
    await makeWebhook(stage, appId, url, 'notification.delivered')
    await stage.service.makeEvents(appId, backlog)
    appIds.push(appId)
  }
  return appIds
}

async function run(stage: Stage, count: number, neighbours: string[]) {
  const appId = await makeApp(stage)
  await makeWebhook(stage, appId, `${stage.ends.http2.origin}/hook`, 'notification.delivered')
  await Promise.all([feed(stage, [appId], count), feed(stage, neighbours, count)])
  return stage.service.latency(appId, count, patienceMs)
}

/** Creates `count` events, some at each tick. The apps take turns. */
async function feed({ service }: Stage, appIds: string[], count: number): Promise<void> {
  if (appIds.length === 0) return
  const perTick = (perSecond * tickMs) / 1_000
  for (let tick = 0; tick * perTick < count; tick += 1) {
    const startedAt = performance.now()
    await service.makeEvents(appIds[tick % appIds.length]!, perTick)
    await sleep(Math.max(0, tickMs - (performance.now() - startedAt)))
  }
}
