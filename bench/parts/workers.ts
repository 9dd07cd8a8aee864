import { setTimeout as sleep } from 'node:timers/promises'
import type { Ends } from '../stage.ts'
import { startProcess, startStage } from '../stage.ts'
import type { Storage } from '../storage.ts'
import { medianOf, rate, type Table, times } from '../table.ts'
import { deliver, makeListeners } from './deliveries.ts'

const count = 12_000
const mostWorkers = 3
/** So long the leases of lanes take to be shared anew. */
const shareMs = 8_000

/** Deliveries made in bulk on PostgreSQL by one process that answers the API and 1, 2 and 3 that work. */
export async function measureWorkers(ends: Ends, storage: Storage, table: Table, raw: number): Promise<void> {
  const stage = await startStage(ends, storage, ['api'])
  const appId = await makeListeners(stage, ends.http2.origin)
  const workers = []
  for (let n = 1; n <= mostWorkers; n++) {
    workers.push(await startProcess(ends, storage, ['worker']))
    if (n > 1) await sleep(shareMs)
    // Each process has to have compiled what is hot.
    await deliver(stage, appId, count * n)
    const perSecond = await medianOf(() => deliver(stage, appId, count))
    const line = `the same by ${n} worker process${n > 1 ? 'es' : ''} beside one for the API`
    table.set(line, 'PostgreSQL', `${rate(perSecond)}, ${times(perSecond / raw, 'raw')}`)
  }
  for (const { child } of workers) {
    await child.stop()
    await child.end()
  }
  await stage.end()
}
