import type { DeliveryLanes } from '../deliveries/lane/delivery-lanes.ts'
import type { Deps } from '../deps.ts'
import type { OpenDatabase } from '../platform/db/db.ts'
import type { SendingLanes } from '../sending/sending-lanes.ts'

/** Has `/metrics` show this version, and how its connections to the database are used. */
export function measureProcess({
  metrics,
  version,
  backend,
  connectionUse,
}: Pick<Deps, 'metrics' | 'version'> & Pick<OpenDatabase, 'backend' | 'connectionUse'>): void {
  metrics.buildInfo.set({ version, node: process.versions.node, database: backend }, 1)
  metrics.samplers.push(() => {
    const { inUse, idle, waiting, limit } = connectionUse()
    metrics.connections.set({ state: 'in_use' }, inUse)
    metrics.connections.set({ state: 'idle' }, idle)
    metrics.connectionsWaiting.set(waiting)
    metrics.connectionsLimit.set(limit)
  })
}

/** Has `/metrics` show which lanes this process owns. */
export function measureLanes(
  { metrics, lanes }: Pick<Deps, 'metrics' | 'lanes'>,
  owned: { deliveries: DeliveryLanes; sending: SendingLanes } | undefined,
): void {
  // Only workers own lanes. The sum over all of them is 64, or some lanes have no owner.
  if (!owned) {
    metrics.laneBuckets.remove()
    return
  }
  metrics.samplers.push(() => {
    metrics.laneBuckets.set(lanes.bucketsOwned())
    metrics.lanes.set({ kind: 'deliveries' }, owned.deliveries.count())
    metrics.lanes.set({ kind: 'sending' }, owned.sending.count())
  })
}
