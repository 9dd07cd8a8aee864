import type { Deps } from '../deps.ts'
import { retryTransactions } from '../platform/db/retry-transactions.ts'
import { momentOfId } from '../platform/ids.ts'
import { sharedRun } from '../platform/shared-run.ts'
import { prepareEventLog } from './event-log.ts'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const checkViolation = '23514'

/** The key in `Partition key of the failing row contains (id) = (01a21f87-…)`, whatever the language. */
const keyInDetail = /\(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)/

/**
 * Recognizes the database error for a row without a partition: a check violation that names no constraint.
 *
 * @returns the time of the row's id; undefined for any other error
 */
function momentWithoutPartition(error: unknown): Date | undefined {
  const { code, constraint, detail = '' } = Object(error) as Record<string, string | undefined>
  if (code !== checkViolation || constraint) return undefined
  const key = keyInDetail.exec(detail)?.[1]
  return key === undefined ? undefined : momentOfId(key)
}

/**
 * When a transaction of `deps.db` fails because the event log lacks a partition, creates it and runs the transaction
 * again. This is rare, because partitions are created in advance. But no record may be lost because a clock jumped or
 * upkeep failed for two weeks.
 */
export function createPartitionsWhenMissing({
  db,
  config,
  clock,
  log,
}: Pick<Deps, 'db' | 'config' | 'clock' | 'log'>): void {
  // Transactions that fail at the same time wait for the same repair.
  const repair = sharedRun(async (error: unknown, moment: Date) => {
    log.error({ err: error, moment }, 'partitions.missing')
    await prepareEventLog(db, config.retentionDays, clock.now(), [moment])
  })
  retryTransactions(db, async (error) => {
    const moment = momentWithoutPartition(error)
    if (!moment) return false
    await repair(error, moment)
    return true
  })
}
