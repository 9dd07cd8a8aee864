import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { DatabaseBusy, isPassing, isUnavailable } from '../db/database-errors.ts'
import { ApiError, refusals } from '../errors.ts'
import { toDetails } from './validation-details.ts'

/** Answers what a handler throws, and requests without a route. Faults of the service are logged and answered 500. */
export function answerErrors(server: FastifyInstance): void {
  server.setErrorHandler<FastifyError>((error, request, reply) => {
    const { method, log } = request
    const route = request.routeOptions.url
    const refusal = toRefusal(error) ?? toDatabaseRefusal(error, route, log)
    if (!refusal) log.error({ err: error, method, route }, 'request.failed')
    return answerError(reply, refusal)
  })
  server.setNotFoundHandler((_, reply) => answerError(reply, refusals.notFound()))
}

function answerError(reply: FastifyReply, refusal: ApiError | undefined): FastifyReply {
  if (!refusal) return reply.code(500).send({ error: 'Internal server error' })
  const { status, error, details, retryAfterSeconds, retryAfterHeader = retryAfterSeconds } = refusal.shape
  if (retryAfterHeader !== undefined) reply.header('retry-after', String(retryAfterHeader))
  return reply.code(status).send({ error, details, retry_after: retryAfterSeconds })
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const foreignKeyViolation = '23503'

/** Converts an error that the client caused to a refusal; undefined for a fault of the service. */
function toRefusal(error: FastifyError): ApiError | undefined {
  if (error instanceof ApiError) return error
  if (hasZodFastifySchemaValidationErrors(error)) return toValidationRefusal(error)
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refusals.bodyTooLarge()
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refusals.notJson()
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return refusals.malformedBody('Request body is not valid JSON')
  }
  // The parent of the new row was deleted after the handler had found it.
  if (error.code === foreignKeyViolation) return refusals.notFound()
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500
    ? new ApiError({ status, error: error.message.slice(0, maxErrorLength) })
    : undefined
}

/** Limits messages of libraries, which may quote a path or a header. */
const maxErrorLength = 200

function toValidationRefusal(error: FastifyError): ApiError {
  const issues = error.validation as unknown as { instancePath: string; message: string }[]
  if (issues.some((issue) => issue.instancePath === '' || issue.instancePath === '/')) {
    return refusals.malformedBody('Request body must be a JSON object')
  }
  const fieldOf = (instancePath: string) =>
    instancePath
      .replace(/^\//, '')
      .replaceAll('/', '.')
      .replace(/^events\.\d+$/, 'events')
  return refusals.invalid(
    toDetails(issues.map(({ instancePath, message }) => ({ field: fieldOf(instancePath), message }))),
  )
}

/**
 * Converts a temporary database error to a 503 refusal; undefined for every other error. Outages are logged elsewhere,
 * and waiting for a connection is normal. Other errors, such as a statement that took too long, are logged here.
 */
function toDatabaseRefusal(
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
