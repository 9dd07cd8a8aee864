import { isUtf8 } from 'node:buffer'
import { type ParsedUrlQuery, parse } from 'node:querystring'
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { ApiError, refusals } from '../errors.ts'
import { toDatabaseRefusal } from './database-refusal.ts'
import { ignoredFields, toHeader } from './ignored-fields.ts'
import { answerInTurn } from './pipelining.ts'
import { readRequestId, requestIdHeader } from './request-id.ts'
import { limitRequestStatements } from './request-statements.ts'
import { answerUnreadable } from './unreadable-requests.ts'
import { toDetails } from './validation-details.ts'

/** Fastify with the Zod type provider: a route's Zod schemas type its handler. */
// biome-ignore-start lint/suspicious/noExplicitAny: raw server, request, reply and logger are of no interest here
export type Server = FastifyInstance<any, any, any, any, ZodTypeProvider>
// biome-ignore-end lint/suspicious/noExplicitAny: as above

const bodyLimitBytes = 1_048_576
/** Node's default limit for the request line and headers. The router allows path parameters of the same length. */
const maxHeadBytes = 16_384
/** The longest interval at which Node checks for requests that take too long. */
const maxCheckingMs = 5_000

/** The dependencies of the server. */
export interface ServerParts {
  config: {
    /** Proxies (CIDR) whose X-Forwarded-For is trusted. */
    trustProxy: string[]
    requestTimeoutMs: number
    statementTimeoutMs: number
  }
  log: Logger
  draining: AbortSignal
}

/**
 * Without these Fastify loads its own compilers: a tenth of the files loaded at a start, all of them unused. The cast
 * is needed because Fastify's types only know JSON Schema.
 */
const compilersFactory = {
  buildValidator: () => validatorCompiler,
  buildSerializer: () => serializerCompiler,
} as unknown as NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']

/** Creates the HTTP server: it reads bodies, logs requests and answers errors. routes.ts registers the routes. */
export async function createHttpServer(deps: ServerParts): Promise<Server> {
  const { trustProxy, requestTimeoutMs } = deps.config
  const server = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: readRequestId,
    schemaController: { compilersFactory },
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      maxHeaderSize: maxHeadBytes,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(maxCheckingMs, requestTimeoutMs / 2),
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, deps.log),
    trustProxy: trustProxy.length > 0 ? trustProxy : false,
    routerOptions: {
      ignoreTrailingSlash: true,
      maxParamLength: maxHeadBytes,
      querystringParser: parseQuery,
    },
    rewriteUrl: ({ url = '/' }) => routableUrl(url),
    forceCloseConnections: 'idle',
    // While the server closes, requests on open connections are still served as usual.
    return503OnClosing: false,
  }).withTypeProvider<ZodTypeProvider>()
  answerInTurn(server as Server)
  // Most responses are private. Routes whose pages and scripts may be cached override this header.
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      [requestIdHeader]: request.id,
    })
    // RFC 9112 §3.2. Node's own refusal of a request without Host would have no body.
    const { httpVersion, headers } = request.raw
    done(httpVersion === '1.1' && headers.host === undefined ? refusals.unreadableRequest() : undefined)
  })
  // Anybody may ask for what does not exist, without a rate limit: such a body would only take memory.
  server.addHook('preParsing', async ({ is404 }) => {
    if (is404) throw refusals.notFound()
  })
  acceptJsonOnly(server as Server)
  server.addHook('preValidation', (request, reply, done) => {
    nameIgnored(request, reply)
    done()
  })
  server.decorateRequest('teamId', '')
  server.decorateRequest('scopes')
  limitRequestStatements(server as Server, deps.config.statementTimeoutMs)
  server.setErrorHandler<FastifyError>((error, request, reply) => {
    const refusal = toRefusal(error) ?? toDatabaseRefusal(error, request.routeOptions.url, request.log)
    if (!refusal)
      request.log.error(
        { err: error, method: request.method, route: request.routeOptions.url },
        'request.failed',
      )
    return answerError(reply, refusal)
  })
  server.setNotFoundHandler((_, reply) => answerError(reply, refusals.notFound()))
  server.addHook('onSend', (_request, reply, _payload, done) => {
    // A client that reuses the connection could send its next request at the moment the server closes it.
    if (deps.draining.aborted) reply.header('connection', 'close')
    done()
  })
  server.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        teamId: request.teamId || undefined,
        ms: Math.round(reply.elapsedTime),
      },
      'request.answered',
    )
    done()
  })
  return server as Server
}

/** Names unknown fields in a header: a typo in the name of an optional field would otherwise go unnoticed. */
function nameIgnored(request: FastifyRequest, reply: FastifyReply): void {
  const { schema } = request.routeOptions
  if (!schema || schema.hide) return
  const header = toHeader(ignoredOf(request, schema as RequestSchema))
  if (header !== undefined) reply.header('x-krafter-ignored', header)
}

interface RequestSchema {
  body?: z.ZodType
  querystring?: z.ZodType
}

function* ignoredOf(request: FastifyRequest, { body, querystring }: RequestSchema): Generator<string> {
  yield* ignoredFields(body, request.body)
  yield* ignoredFields(querystring, request.query)
}

/**
 * Accepts JSON only: `text/plain` is refused like any other type. An empty body counts as no body, because some clients
 * send the content type on every request. `__proto__` and `constructor` are dropped, like every unknown field.
 */
function acceptJsonOnly(server: Server): void {
  const parseJson = server.getDefaultJsonParser('remove', 'remove')
  server.removeContentTypeParser('text/plain')
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    // JSON is UTF-8 (RFC 8259 §8.1). Without this check, invalid bytes would be stored as U+FFFD.
    else if (!isUtf8(body)) done(refusals.malformedBody('Request body is not valid JSON'))
    else parseJson(request, body.toString('utf8'), done)
  })
}

/**
 * Escapes a path that cannot be decoded, so that it is refused by the same steps, in the same order and with the same
 * headers as every other path. Otherwise the router would send its own error response.
 */
function routableUrl(url: string): string {
  const [path = ''] = url.split('?', 1)
  return isDecodable(path) ? url : path.replaceAll('%', '%25') + url.slice(path.length)
}

/** Drops empty parameters: in `?status=&limit=50`, `status` is not a filter. */
function parseQuery(text: string): ParsedUrlQuery {
  return Object.fromEntries(Object.entries(parse(text)).filter(([, value]) => value !== ''))
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
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
  if (error instanceof SyntaxError && error.statusCode === 400) {
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
  if (error.validationContext === 'params') return refusals.notFound()
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
