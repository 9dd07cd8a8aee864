import type { PartInput } from '../part.ts'
import { makeApp, makeWebhook, type Stage } from '../stage.ts'
import { medianOf, rate, times } from '../table.ts'

export const webhookCount = 8
const count = 16_000
/** The embedded database is WebAssembly: V8 takes some seconds to optimize its hot code. */
const warmUp = 8_000

/** Measures deliveries of events created in bulk, from the first event's transaction to the last attempt's record. */
export async function measureDeliveries({ stage, backend, table, baselines }: PartInput): Promise<void> {
  const { http2, http1 } = stage.ends
  for (const [origin, over, raw] of [
    [http2.origin, '', baselines.rawHttp2],
    [http1.origin, ', over HTTP/1.1', baselines.rawHttp1],
  ] as const) {
    const appId = await makeListeners(stage, origin)
    await deliver(stage, appId, warmUp)
    const perSecond = await medianOf(() => deliver(stage, appId, count))
    const line = `deliveries made in bulk, recorded${over}`
    table.set(line, backend, `${rate(perSecond)}, ${times(perSecond / raw, 'raw')}`)
  }
}

export async function makeListeners(stage: Stage, origin: string): Promise<string> {
  const appId = await makeApp(stage)
  for (let i = 0; i < webhookCount; i++)
    await makeWebhook(stage, appId, `${origin}/hook/${i}`, 'notification.delivered')
  return appId
}

/** @returns deliveries a second */
export async function deliver({ service }: Stage, appId: string, deliveries: number): Promise<number> {
  const startedAt = performance.now()
  await service.makeEvents(appId, deliveries / webhookCount)
  await service.settle(appId)
  return deliveries / ((performance.now() - startedAt) / 1_000)
}
