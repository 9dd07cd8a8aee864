import { laneChanges, laneName } from '../announcements.ts'
import { cancelDeliveries } from '../deliveries/delivery-store.ts'
import type { Trx } from '../platform/db/db.ts'
import { endReplay, type HeldReplay, lockPending, type Replay } from './replay-store.ts'

/**
 * Ends a replay: it makes no more deliveries, and those that are pending end as canceled. One under way at this moment
 * is not tried again (webhooks/delivery-store.ts reads none of a canceled replay). A replay that has ended and has
 * nothing pending stays as it is.
 */
export async function cancelReplay(trx: Trx, replay: HeldReplay, now: Date): Promise<Replay> {
  if (replay.status === 'canceled') return replay
  const pending = await lockPending(trx, replay)
  if (replay.status === 'completed' && pending.length === 0) return replay
  await cancelDeliveries(trx, pending, now)
  // Others may be held back by them.
  await laneChanges.announce(trx, [laneName(replay)])
  return endReplay(trx, replay, 'canceled', now)
}
