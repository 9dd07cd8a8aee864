import pg from 'pg'

/** Why the database does not take what is asked of it. */
export type UnavailableReason = 'unreachable' | 'read-only'

/**
 * The database cannot be reached, or takes no writes. Whoever owns the connections says so in the log, once for all:
 * logs leave such errors out above `debug`.
 */
export class DatabaseUnavailable extends Error {
  override name = 'DatabaseUnavailable'
  readonly reason: UnavailableReason

  constructor(reason: UnavailableReason, cause: unknown) {
    super(`the database is ${reason}: ${(cause as Error).message}`, { cause })
    this.reason = reason
  }
}

/** Whether an error says that the database is unavailable, in whatever form a library has passed it on. */
export function isUnavailable(error: unknown): boolean {
  return (error as Error | null)?.name === DatabaseUnavailable.name
}

/** No connection became free in time: too many statements are under way, or too many of the same caller. */
export class DatabaseBusy extends Error {
  override name = 'DatabaseBusy'
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const states = {
  readOnlyTransaction: '25006',
  uniqueViolation: '23505',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
}
/** Connection exceptions, resources used up, and a server that stops, starts or has crashed. */
const unreachable = /^(08|53|57P0)/

/** @returns why an error says that the database is unavailable; undefined when it is about the statement */
export function unavailableReason(error: unknown): UnavailableReason | undefined {
  if (!(error instanceof pg.DatabaseError)) return 'unreachable'
  if (error.code === states.readOnlyTransaction) return 'read-only'
  return unreachable.test(error.code ?? '') ? 'unreachable' : undefined
}

/** Whether the database refuses what is in a row: a data exception or an integrity violation. */
export function isAboutARow(error: unknown): boolean {
  return /^2[23]/.test(codeOf(error) ?? '')
}

/** Whether another row has what may be there only once. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === states.uniqueViolation
}

/** Thrown in a transaction that another one got in the way of, as far as only we can tell: it is run again. */
export class ConflictError extends Error {
  override name = 'ConflictError'
  readonly code = states.serializationFailure
}

/** Whether a transaction failed only because of another one that ran at the same time: it is worth running again. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error)
  return code === states.serializationFailure || code === states.deadlockDetected
}

/** Whether the same request may well succeed a little later. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  return (
    isUnavailable(error) ||
    error instanceof DatabaseBusy ||
    isConflict(error) ||
    code === states.lockNotAvailable ||
    code === states.queryCanceled
  )
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code
}
