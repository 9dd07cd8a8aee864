import type { Db } from './db.ts'
import { statementContext } from './statement-context.ts'

/**
 * Runs work whose statements follow indexes and never sort what an index has in order. For the first rows of many, such
 * as the first due deliveries of a webhook, statistics are no help: they take apps and webhooks for independent of each
 * other, so that a backlog of 100,000 looks like one row, and sorting one row looks cheap.
 *
 * PostgreSQL gets the settings when a transaction begins. The session of the embedded database always has them.
 */
export function byIndex<Result>(work: () => Promise<Result>): Promise<Result> {
  return statementContext.run({ ...statementContext.getStore(), byIndex: true }, work)
}

/** Runs reads on one connection, planned {@link byIndex}. */
export function readByIndex<Result>(db: Db, read: (connection: Db) => Promise<Result>): Promise<Result> {
  return byIndex(() => db.connection().execute(read))
}
