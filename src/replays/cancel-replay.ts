import { laneChanges, laneName } from '../announcements.ts'
import { cancelDeliveries } from '../deliveries/delivery-store.ts'
import type { Trx } from '../platform/db/db.ts'
import { endReplay, type HeldReplay, lockPending, type Replay } from './replay-store.ts'

/**
 * Ends a replay: it creates no more deliveries, and its pending deliveries end as canceled. A delivery in flight is not
 * retried (deliveries/lane/due-store.ts marks deliveries of a canceled replay as canceled). A replay that has ended and
 * has no pending deliveries does not change.
 */
export async function cancelReplay(trx: Trx, replay: HeldReplay, now: Date): Promise<Replay> {
  if (replay.status === 'canceled') return replay
  const pending = await lockPending(trx, replay)
  if (replay.status === 'completed' && pending.length === 0) return replay
  await cancelDeliveries(trx, pending, now)
  // Other deliveries may be waiting for the canceled ones.
  await laneChanges.announce(trx, [laneName(replay)])
  return endReplay(trx, replay, 'canceled', now)
}
