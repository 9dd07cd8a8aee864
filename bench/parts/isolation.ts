import { setTimeout as sleep } from 'node:timers/promises'
import type { PartInput } from '../part.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { milliseconds } from '../table.ts'

const events = 1_000
/** Deliveries that each neighbour has waiting when it appears. */
const backlog = 2_000
const perSecond = 100
const tickMs = 100
/** How long the last deliveries may take. */
const patienceMs = 30_000
const badPaths = ['/hang', '/drip', '/flood']

/**
 * A healthy webhook's latency, created → answered: alone; while a burst to neighbours whose receivers answer at once is
 * worked off; while one to neighbours whose receivers hang, drip and flood is; and beside these afterwards, while they
 * get as many events as the healthy one.
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

/** A webhook with a backlog for each path that a bad receiver has. @returns their apps */
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

/** Makes `count` events of apps in turn, some with each tick. */
async function feed({ service }: Stage, appIds: string[], count: number): Promise<void> {
  if (appIds.length === 0) return
  const perTick = (perSecond * tickMs) / 1_000
  for (let tick = 0; tick * perTick < count; tick += 1) {
    const startedAt = performance.now()
    await service.makeEvents(appIds[tick % appIds.length]!, perTick)
    await sleep(Math.max(0, tickMs - (performance.now() - startedAt)))
  }
}
