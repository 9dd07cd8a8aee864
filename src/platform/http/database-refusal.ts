import type { FastifyBaseLogger } from 'fastify'
import { DatabaseBusy, isPassing, isUnavailable } from '../db/database-errors.ts'
import { type ApiError, refusals } from '../errors.ts'

/**
 * Converts a temporary database error to a 503 refusal; undefined for every other error. Outages are logged elsewhere,
 * and waiting for a connection is normal. Other errors, such as a statement that took too long, are logged here.
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
