import pg from 'pg'

/** Why the database is unavailable. */
export type UnavailableReason = 'unreachable' | 'read-only'

/** Whether the database takes writes, according to the latest check. */
export type DatabaseState = 'ready' | UnavailableReason

/**
 * The database cannot be reached, or takes no writes. The owner of the connections logs the outage; other log lines
 * with this error are only written at level `debug`.
 */
export class DatabaseUnavailable extends Error {
  override name = 'DatabaseUnavailable'
  readonly reason: UnavailableReason

  constructor(reason: UnavailableReason, cause: unknown) {
    super(`the database is ${reason}: ${(cause as Error).message}`, { cause })
    this.reason = reason
  }
}

/** Whether the error is a DatabaseUnavailable. The check uses its name, because a library may pass on a copy. */
export function isUnavailable(error: unknown): boolean {
  return (error as Error | null)?.name === DatabaseUnavailable.name
}

/** No connection became free in time: too many statements are running, or too many of the same caller. */
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
/** Connection exceptions, exhausted resources, and a server that stops, starts or has crashed. */
const unreachable = /^(08|53|57P0)/

/** @returns why the database is unavailable according to the error; undefined when the statement caused the error */
export function unavailableReason(error: unknown): UnavailableReason | undefined {
  if (!(error instanceof pg.DatabaseError)) return 'unreachable'
  if (error.code === states.readOnlyTransaction) return 'read-only'
  return unreachable.test(error.code ?? '') ? 'unreachable' : undefined
}

/** Whether the database refuses a row's values: a data exception or an integrity violation. */
export function isRowError(error: unknown): boolean {
  return /^2[23]/.test(codeOf(error) ?? '')
}

/** Whether another row already has a value that must be unique. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === states.uniqueViolation
}

/** Thrown in a transaction to retry it, when the service itself detects a conflict with another transaction. */
export class ConflictError extends Error {
  override name = 'ConflictError'
  readonly code = states.serializationFailure
}

/** Whether a transaction failed only because of a concurrent one, so that a retry is worthwhile. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error)
  return code === states.serializationFailure || code === states.deadlockDetected
}

/** Whether the same request may succeed a little later. */
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
