import { findPendingLanes } from '../deliveries/lane/due-store.ts'
import type { Deps } from '../deps.ts'
import type { DueLane } from '../engine/lane-set.ts'
import { deadLetter } from '../platform/queue.ts'
import { queues } from '../queues.ts'
import { readEventLogHorizons } from '../retention/event-log.ts'
import { findDueApps } from '../sending/due-store.ts'
import { readUpkeep } from './upkeep-store.ts'

type MeasuredDeps = Pick<Deps, 'db' | 'clock' | 'metrics' | 'queue'>

const allQueues = [...queues.map(({ name }) => name), deadLetter]

/**
 * Has `/metrics` show what only the database knows. It is the same from every process.
 *
 * @param tasks the scheduled jobs of this install
 */
export function measureDatabase(deps: MeasuredDeps, tasks: readonly string[]): void {
  const { db, clock, queue, metrics } = deps
  metrics.readers.push(
    async () => {
      metrics.queueDepth.reset()
      const depths = await queue.depths()
      for (const name of allQueues) metrics.queueDepth.set({ queue: name }, 0)
      for (const { queue: name, count } of depths) metrics.queueDepth.set({ queue: name }, count)
    },
    async () => {
      metrics.partitionHorizon.reset()
      for (const { table, aheadSeconds } of await readEventLogHorizons(db, clock.now())) {
        metrics.partitionHorizon.set({ table }, aheadSeconds)
      }
    },
    async () => {
      metrics.lastUpkeep.reset()
      const runs = new Map((await readUpkeep(db)).map(({ task, succeededAt }) => [task, succeededAt]))
      for (const task of tasks) metrics.lastUpkeep.set({ task }, (runs.get(task)?.getTime() ?? 0) / 1_000)
    },
    async () => {
      metrics.oldestDue.reset()
      const deliveries = await findPendingLanes(db)
      const sending = await findDueApps(db)
      metrics.oldestDue.set({ kind: 'deliveries' }, oldestSeconds(deliveries, clock.now()))
      metrics.oldestDue.set({ kind: 'sending' }, oldestSeconds(sending, clock.now()))
    },
  )
}

function oldestSeconds(lanes: readonly DueLane[], now: Date): number {
  const first = lanes.reduce(
    (oldest, { firstDueAt }) => Math.min(oldest, firstDueAt.getTime()),
    now.getTime(),
  )
  return (now.getTime() - first) / 1_000
}
