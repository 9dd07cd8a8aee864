import type { FastifyBaseLogger } from 'fastify'
import { DatabaseBusy, isPassing, isUnavailable } from '../db/database-errors.ts'
import { type ApiError, refusals } from '../errors.ts'

/**
 * What a request is answered that the database did not serve but may serve a little later; undefined for every other
 * error. An outage has a log line of its own, and callers who take turns are no fault; a statement that took too long is.
 */
export function toDatabaseRefusal(
  error: unknown,
  route: string | undefined,
  log: Pick<FastifyBaseLogger, 'warn'>,
): ApiError | undefined {
  if (!isPassing(error)) return undefined
  if (!isUnavailable(error) && !(error instanceof DatabaseBusy)) {
    log.warn({ err: error, route }, 'request.gave_up')
  }
  return refusals.unavailable()
}
