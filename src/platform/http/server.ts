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
import { readRequestId, requestIdHeader } from './request-id.ts'
import { limitRequestStatements } from './request-statements.ts'
import { answerUnreadable } from './unreadable-requests.ts'
import { toDetails } from './validation-details.ts'

/** The server with our type provider: a route's Zod schemas type its handler. */
// biome-ignore-start lint/suspicious/noExplicitAny: raw server, request, reply and logger are of no interest here
export type Server = FastifyInstance<any, any, any, any, ZodTypeProvider>
// biome-ignore-end lint/suspicious/noExplicitAny: as above

const bodyLimitBytes = 1_048_576
/** Node's own limit for a request's head; a path that passed it is judged by the routes alone. */
const maxHeadBytes = 16_384
/** How often Node looks for requests that take too long. */
const maxCheckingMs = 5_000

/** What the server is made of. */
export interface ServerParts {
  config: {
    /** Proxies (CIDR) whose X-Forwarded-For is believed. */
    trustProxy: string[]
    requestTimeoutMs: number
    statementTimeoutMs: number
  }
  log: Logger
  draining: AbortSignal
}

/**
 * Without these Fastify loads compilers of its own: a tenth of the files of a start, none of which is used. Its types know
 * JSON Schema only.
 */
const compilersFactory = {
  buildValidator: () => validatorCompiler,
  buildSerializer: () => serializerCompiler,
} as unknown as NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']

/** Makes the HTTP server: how bodies are read, what is logged, how errors are answered. Routes come from routes.ts. */
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
    // What still comes on open connections is served as ever, in the form of every answer.
    return503OnClosing: false,
  }).withTypeProvider<ZodTypeProvider>()
  // Most answers hold what only their reader may know. Pages and scripts that caches may keep say so themselves.
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      [requestIdHeader]: request.id,
    })
  })
  // RFC 9112 §3.2. Node would refuse such a request by itself, without a body.
  server.addHook('onRequest', async ({ raw }) => {
    if (raw.httpVersion === '1.1' && raw.headers.host === undefined) throw refusals.unreadableRequest()
  })
  acceptJsonOnly(server as Server)
  server.addHook('preValidation', async (request, reply) => nameIgnored(request, reply))
  server.decorateRequest('teamId', '')
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
  server.addHook('onSend', async (_, reply) => {
    // Who keeps the connection would ask again on it in the moment in which it is closed.
    if (deps.draining.aborted) reply.header('connection', 'close')
  })
  server.addHook('onResponse', async (request, reply) => {
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
  })
  return server as Server
}

/** A slip in the name of an optional field would otherwise go unnoticed. */
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
 * JSON only: what is sent as text is refused like any other type. An empty body counts as none, for clients that name
 * the type on every request. `__proto__` and its like are dropped, as every field that nobody asked for.
 */
function acceptJsonOnly(server: Server): void {
  const parseJson = server.getDefaultJsonParser('remove', 'remove')
  server.removeContentTypeParser('text/plain')
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    // JSON is UTF-8 (RFC 8259 §8.1); decoded all the same, other bytes would be stored as U+FFFD.
    else if (!isUtf8(body)) done(refusals.malformedBody('Request body is not valid JSON'))
    else parseJson(request, body.toString('utf8'), done)
  })
}

/**
 * A path that cannot be decoded names nothing; spelt out, it is refused by the same steps, in the same order and with
 * the same headers as every other one, where the router would answer in its own words.
 */
function routableUrl(url: string): string {
  const [path = ''] = url.split('?', 1)
  return isDecodable(path) ? url : path.replaceAll('%', '%25') + url.slice(path.length)
}

/** A filter that is left empty, as in `?status=&limit=50`, is none. */
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

/** What is the client's fault, in our words; undefined for what is ours. */
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
  // What the new row was to belong to was deleted after it had been found.
  if (error.code === foreignKeyViolation) return refusals.notFound()
  const status = error.statusCode ?? 500
  return status >= 400 && status < 500
    ? new ApiError({ status, error: error.message.slice(0, maxErrorLength) })
    : undefined
}

/** Of an error that is not in our own words, and may hold a path or a header. */
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
