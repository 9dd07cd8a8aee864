import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict } from './database-errors.ts'
import type { Db } from './db.ts'
import { retryTransactions } from './retry-transactions.ts'

/** Conflicts last milliseconds. A transaction that fails a fourth time has a fault of its own. */
const maxTries = 4
const restMs = 10

/**
 * Retries each transaction of `db` that the database aborted in favour of another one: a deadlock (40P01) or a
 * serialization failure (40001).
 */
export function retryConflicts(db: Db): void {
  const rest = async (error: unknown, tries: number) => {
    if (!isConflict(error)) return false
    // The delay is random, so that the same two transactions do not conflict again.
    await sleep(restMs * 2 ** tries * Math.random())
    return true
  }
  retryTransactions(db, rest, maxTries)
}
