import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { refusals } from '../errors.ts'
import { limitConnections } from './connection-limit.ts'
import { answerErrors } from './error-answers.ts'
import { nameIgnored } from './ignored-fields.ts'
import { answerInTurn } from './pipelining.ts'
import { acceptJsonOnly, parseQuery, routableUrl } from './read-request.ts'
import { readRequestId, requestIdHeader } from './request-id.ts'
import { limitRequestStatements } from './request-statements.ts'
import { answerUnreadable } from './unreadable-requests.ts'

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
    maxConnections: number
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
  const { trustProxy, requestTimeoutMs, maxConnections } = deps.config
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
  limitConnections(server as Server, maxConnections, deps.log)
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
  answerErrors(server as Server)
  server.addHook('onSend', ({ raw }, reply, _payload, done) => {
    // A client that reuses the connection could send its next request at the moment the server closes it.
    if (deps.draining.aborted) reply.header('connection', 'close')
    // Closing a connection with unread bytes would reset it, and the client could lose the response.
    if (isBodyComing(raw)) reply.removeHeader('connection')
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

/** Whether a request was answered before its body had come. */
function isBodyComing({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0)
}
