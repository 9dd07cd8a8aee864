import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict } from './database-errors.ts'
import type { Db, Trx } from './db.ts'

/** Conflicts are over in milliseconds; a transaction that meets a fourth one has a fault of its own. */
const maxTries = 4
const restMs = 10

/**
 * Runs a transaction, and runs it again when the database ended it for the sake of another one: a deadlock (40P01) or
 * a serialization failure (40001). Nothing of the first try is left then.
 *
 * @param work may run several times: what it does outside of the transaction must bear that
 * @throws the error of the last try
 */
export async function transact<Result>(db: Db, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await db.transaction().execute(work)
    } catch (error) {
      if (tries === maxTries || !isConflict(error)) throw error
      // Apart, so that the same two do not meet again.
      await sleep(restMs * 2 ** tries * Math.random())
    }
  }
}
