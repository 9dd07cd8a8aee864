import type { Db, Trx } from './db.ts'

/**
 * Runs each transaction of `db` that fails again, if `recover` could remove what it failed for. Nothing of the run before is
 * left in the database then; what a transaction does besides must bear being done twice.
 *
 * @param recover told of every failure, once the transaction has ended, and of how many runs there were; false when there
 * is nothing to be done about it
 * @param maxTries runs in all
 */
export function retryTransactions(
  db: Db,
  recover: (error: unknown, tries: number) => Promise<boolean>,
  maxTries = 2,
): void {
  const transaction = db.transaction.bind(db)
  db.transaction = () => {
    const builder = transaction()
    const execute = builder.execute.bind(builder)
    builder.execute = async <Result>(work: (trx: Trx) => Promise<Result>) => {
      for (let tries = 1; ; tries++) {
        try {
          // A builder is good for one transaction.
          return await (tries === 1 ? execute(work) : transaction().execute(work))
        } catch (error) {
          if (tries === maxTries || !(await recover(error, tries))) throw error
        }
      }
    }
    return builder
  }
}
