import type { Db } from '../platform/db.ts'
import { ensurePartitions, type PartitionedTable } from '../platform/partitions.ts'

/** What is kept for `KRAFTER_RETENTION_DAYS` only. */
export const eventLog: readonly PartitionedTable[] = [
  { name: 'events' },
  // Half of the rows of a page are updated soon after they were inserted, and find room beside themselves.
  { name: 'deliveries', storage: 'fillfactor = 80' },
  { name: 'attempts' },
  { name: 'receipts' },
]

const dayMs = 86_400_000
/** Clocks of several machines differ, and a notification's receipts begin when it does. */
const behindMs = dayMs
/** For as long may the job that makes partitions fail. */
const aheadMs = 14 * dayMs

/** Makes partitions of the event log for the coming days, each of a fifth of the retention. */
export async function prepareEventLog(db: Db, retentionDays: number, now: Date): Promise<void> {
  await ensurePartitions(db, eventLog, {
    from: new Date(now.getTime() - behindMs),
    until: new Date(now.getTime() + aheadMs),
    spanDays: Math.max(1, Math.round(retentionDays / 5)),
  })
}
