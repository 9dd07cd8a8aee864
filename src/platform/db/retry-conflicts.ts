import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict } from './database-errors.ts'
import type { Db } from './db.ts'
import { retryTransactions } from './retry-transactions.ts'

/** Conflicts are over in milliseconds; a transaction that meets a fourth one has a fault of its own. */
const maxTries = 4
const restMs = 10

/**
 * Has each transaction of `db` run again that the database ended for the sake of another one: a deadlock (40P01) or a
 * serialization failure (40001).
 */
export function retryConflicts(db: Db): void {
  const rest = async (error: unknown, tries: number) => {
    if (!isConflict(error)) return false
    // For a random time, so that the same two do not meet again.
    await sleep(restMs * 2 ** tries * Math.random())
    return true
  }
  retryTransactions(db, rest, maxTries)
}
