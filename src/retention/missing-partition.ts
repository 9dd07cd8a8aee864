import type { Deps } from '../deps.ts'
import { retryTransactions } from '../platform/db/retry-transactions.ts'
import { momentOfId } from '../platform/ids.ts'
import { prepareEventLog } from './event-log.ts'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const checkViolation = '23514'

/** The key in `Partition key of the failing row contains (id) = (01a21f87-…)`, whatever the language. */
const keyInDetail = /\(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)/

/**
 * Reads from a database's error that a row has no partition: a check violated, and of no constraint that has a name.
 *
 * @returns the row's moment; undefined when the error is about something else
 */
function momentWithoutPartition(error: unknown): Date | undefined {
  const { code, constraint, detail = '' } = Object(error) as Record<string, string | undefined>
  if (code !== checkViolation || constraint) return undefined
  const key = keyInDetail.exec(detail)?.[1]
  return key === undefined ? undefined : momentOfId(key)
}

/**
 * Makes partitions of the event log where a transaction of `deps.db` misses one, and has it run again. It should not come
 * to that: they are made in advance. A clock that jumped, or upkeep that failed for two weeks, is no reason to lose what
 * was to be recorded.
 */
export function surviveMissingPartitions({
  db,
  config,
  clock,
  log,
}: Pick<Deps, 'db' | 'config' | 'clock' | 'log'>): void {
  let mending: Promise<void> | undefined
  retryTransactions(db, async (error) => {
    const moment = momentWithoutPartition(error)
    if (!moment) return false
    // All that fail at once wait for the same.
    mending ??= (async () => {
      log.error({ err: error, moment }, 'partitions.missing')
      await prepareEventLog(db, config.retentionDays, clock.now(), [moment])
    })().finally(() => {
      mending = undefined
    })
    await mending
    return true
  })
}
