import { setTimeout as sleep } from 'node:timers/promises'
import type { Ends } from '../stage.ts'
import { startProcess, startStage } from '../stage.ts'
import type { Storage } from '../storage.ts'
import { medianOf, rate, type Table, times } from '../table.ts'
import { deliver, makeListeners } from './deliveries.ts'

const count = 12_000
const mostWorkers = 3
/** How long the workers take to redistribute the leases of lanes. */
const shareMs = 8_000

/** Measures bulk deliveries on PostgreSQL with one API process and 1, 2 and 3 worker processes. */
export async function measureWorkers(ends: Ends, storage: Storage, table: Table, raw: number): Promise<void> {
  const stage = await startStage(ends, storage, ['api'])
  const appId = await makeListeners(stage, ends.http2.origin)
  const workers = []
  for (let n = 1; n <= mostWorkers; n++) {
    workers.push(await startProcess(ends, storage, ['worker']))
    if (n > 1) await sleep(shareMs)
    // Warm-up: V8 must have compiled the hot code in each process.
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
