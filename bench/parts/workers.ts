import { setTimeout as sleep } from 'node:timers/promises'
import type { Ends } from '../stage.ts'
import { startProcess, startStage } from '../stage.ts'
import type { Storage } from '../storage.ts'
import { medianOf, rate, type Table, times } from '../table.ts'
import { deliver, makeListeners } from './deliveries.ts'

const count = 16_000
const mostWorkers = 3
/** Rounds of deliveries until V8 has compiled the hot code of a process, whatever lanes it owns. */
const warmUpRounds = 3
/** How long the workers take to redistribute the leases of lanes: some renewals. */
const shareMs = 8_000

/**
 * Measures bulk deliveries on PostgreSQL with one API process and 3, 2 and 1 worker processes. All workers start first
 * and stop one after the other. If they started one after the other, those that start late would be measured cold.
 */
export async function measureWorkers(ends: Ends, storage: Storage, table: Table, raw: number): Promise<void> {
  const stage = await startStage(ends, storage, ['api'])
  const appId = await makeListeners(stage, ends.http2.origin)
  const workers = []
  for (let n = 0; n < mostWorkers; n++) workers.push((await startProcess(ends, storage, ['worker'])).child)
  for (const [stopped, worker] of workers.entries()) {
    const n = mostWorkers - stopped
    await sleep(shareMs)
    for (let round = 0; round < warmUpRounds * n; round++) await deliver(stage, appId, count)
    const perSecond = await medianOf(() => deliver(stage, appId, count))
    const line = `the same by ${n} worker process${n > 1 ? 'es' : ''} beside one for the API`
    table.set(line, 'PostgreSQL', `${rate(perSecond)}, ${times(perSecond / raw, 'raw')}`)
    await worker.stop()
    await worker.end()
  }
  await stage.end()
}
