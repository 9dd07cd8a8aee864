import type { Deps } from '../deps.ts'
import { dayMs } from '../platform/clock.ts'
import { dropPartitions } from '../platform/db/partitions.ts'
import { deleteOldReplays } from '../replays/replay-store.ts'
import { eventLog, prepareEventLog, reportNearHorizon } from './event-log.ts'

/** Nightly: creates the event log's partitions for the coming days and drops those past the retention. */
export async function runRetention(
  deps: Pick<Deps, 'db' | 'backend' | 'clock' | 'config' | 'log'>,
): Promise<void> {
  const { retentionDays } = deps.config
  const now = deps.clock.now()
  try {
    await prepareEventLog(deps.db, retentionDays, now)
  } finally {
    await reportNearHorizon(deps)
  }
  const before = new Date(now.getTime() - retentionDays * dayMs)
  const dropped = await dropPartitions(deps, eventLog, before)
  await deleteOldReplays(deps.db, before)
  deps.log.info({ dropped }, 'retention.done')
}
