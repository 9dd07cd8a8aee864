import { AsyncLocalStorage } from 'node:async_hooks'

/** The caller and the timeout of statements. */
export interface StatementContext {
  /** The statements of one caller get a limited share of the connections; undefined: the service itself. */
  caller?: string
  /** How long a statement may take; undefined: as long as upkeep statements. */
  timeoutMs?: number
  /** Whether statements follow indexes, see read-by-index.ts. */
  byIndex?: boolean
}

/** The context of the running code. Without one, statements count as the service's own. */
export const statementContext = new AsyncLocalStorage<StatementContext>()

/** Runs work whose statements may take longer than a request's usual ones, such as deleting all data of an app. */
export function withoutRequestTimeout<Result>(work: () => Promise<Result>): Promise<Result> {
  return statementContext.run({ ...statementContext.getStore(), timeoutMs: undefined }, work)
}
