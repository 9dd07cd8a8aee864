import type { Db, Trx } from './db.ts'

/**
 * Runs each transaction of `db` that fails a second time, if `mend` could remove what it failed for. Nothing of the first
 * run is left in the database then; what a transaction does besides must bear being done twice.
 *
 * @param mend told of every failure, once the transaction has ended; false when there is nothing to be done about it
 */
export function retryMended(db: Db, mend: (error: unknown) => Promise<boolean>): void {
  const transaction = db.transaction.bind(db)
  db.transaction = () => {
    const builder = transaction()
    const execute = builder.execute.bind(builder)
    builder.execute = async <Result>(work: (trx: Trx) => Promise<Result>) => {
      try {
        return await execute(work)
      } catch (error) {
        if (!(await mend(error))) throw error
        // A builder is good for one transaction.
        return await transaction().execute(work)
      }
    }
    return builder
  }
}
