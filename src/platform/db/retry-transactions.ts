import type { Db, Trx } from './db.ts'

/**
 * Retries each failed transaction of `db` if `recover` resolves to true. The failed run leaves nothing in the database.
 * Any other effects of the transaction must be safe to repeat.
 *
 * @param recover called after each failure, once the transaction has ended, with the error and the number of runs so
 *   far; resolves to false when a retry is useless
 * @param maxTries maximum number of runs, including the first
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
          // A builder can run only one transaction.
          return await (tries === 1 ? execute(work) : transaction().execute(work))
        } catch (error) {
          if (tries === maxTries || !(await recover(error, tries))) throw error
        }
      }
    }
    return builder
  }
}
