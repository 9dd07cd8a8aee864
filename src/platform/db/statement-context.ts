import { AsyncLocalStorage } from 'node:async_hooks'

/** On whose behalf statements are made. */
export interface StatementContext {
  /** Statements of one caller share a part of the connections; absent: of nobody in particular. */
  caller?: string
  /** How long a statement may take; absent: as long as the upkeep's. */
  timeoutMs?: number
}

/** The context of what runs now. Outside of any, statements are the service's own. */
export const statementContext = new AsyncLocalStorage<StatementContext>()

/** Runs work whose statements may take longer than those of other requests, such as deleting all that an app has. */
export function withoutRequestTimeout<Result>(work: () => Promise<Result>): Promise<Result> {
  return statementContext.run({ ...statementContext.getStore(), timeoutMs: undefined }, work)
}
