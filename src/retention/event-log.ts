import type { Deps } from '../deps.ts'
import { dayMs } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import { ensurePartitions, type PartitionedTable, readHorizons } from '../platform/db/partitions.ts'

/** What is kept for `KRAFTER_RETENTION_DAYS` only. */
export const eventLog: readonly PartitionedTable[] = [
  { name: 'events' },
  // Half of the rows of a page are updated soon after they were inserted, and find room beside themselves.
  { name: 'deliveries', storage: 'fillfactor = 80' },
  { name: 'attempts' },
  { name: 'receipts' },
]

/** Clocks of several machines differ, and a notification's receipts begin when it does. */
const behindMs = dayMs
/** For as long may the job that makes partitions fail. */
const aheadMs = 14 * dayMs

/** When less than this is left, the job that makes partitions has failed for days. */
const nearMs = 3 * dayMs

/**
 * Makes the partitions of the event log that are missing for the coming days, each of a fifth of the retention: around
 * `now`, and around the system's time, which new ids have whatever clock the service was given.
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

/** How long each table of the event log still has partitions for; 0: it has none for now. */
export async function readEventLogHorizons(
  db: Db,
  now: Date,
): Promise<{ table: string; aheadSeconds: number }[]> {
  const horizons = await readHorizons(db, eventLog, now)
  return horizons.map(({ table, until }) => ({
    table,
    aheadSeconds: (until.getTime() - now.getTime()) / 1_000,
  }))
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
