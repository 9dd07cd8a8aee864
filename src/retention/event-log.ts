import type { Deps } from '../deps.ts'
import { dayMs } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import { ensurePartitions, type PartitionedTable, readHorizon } from '../platform/db/partitions.ts'

/** The tables whose rows are stored for `KRAFTER_RETENTION_DAYS` only. */
export const eventLog: readonly PartitionedTable[] = [
  { name: 'events' },
  // Half of a page's rows are updated soon after they are inserted; the free space lets them stay in the page.
  { name: 'deliveries', storage: 'fillfactor = 80' },
  { name: 'attempts' },
  { name: 'receipts' },
]

/** The clocks of machines differ, and receipts are stored under the time of their notification. */
const behindMs = dayMs
/** How long the job that creates partitions may fail before any are missing. */
const aheadMs = 14 * dayMs

/** When less than this is left, the job that creates partitions has failed for days. */
const nearMs = 3 * dayMs

/**
 * Creates the event log's missing partitions for the coming days; each spans a fifth of the retention. They cover the
 * time around `now` and around the system time, because new ids use the system time, whatever `clock` the service has.
 *
 * @param moments other moments that need a partition
 */
export async function prepareEventLog(
  db: Db,
  retentionDays: number,
  now: Date,
  moments: readonly Date[] = [],
): Promise<void> {
  const around = [now, new Date()].map((moment) => ({
    from: new Date(moment.getTime() - behindMs),
    until: new Date(moment.getTime() + aheadMs),
  }))
  const others = moments.map((moment) => ({ from: moment, until: moment }))
  await ensurePartitions(db, eventLog, [...around, ...others], Math.max(1, Math.round(retentionDays / 5)))
}

/** Reads for how long each event log table still has partitions; 0: it has no partition for `now`. */
export async function readEventLogHorizons(
  db: Db,
  now: Date,
): Promise<{ table: string; aheadSeconds: number }[]> {
  return Promise.all(
    eventLog.map(async (table) => ({ table: table.name, aheadSeconds: await readHorizon(db, table, now) })),
  )
}

/** Logs an error when the partitions of the event log end within days. */
export async function reportNearHorizon({
  db,
  clock,
  log,
}: Pick<Deps, 'db' | 'clock' | 'log'>): Promise<void> {
  const horizons = await readEventLogHorizons(db, clock.now())
  const near = horizons.filter(({ aheadSeconds }) => aheadSeconds * 1_000 < nearMs)
  if (near.length > 0) log.error({ near }, 'partitions.horizon_near')
}
