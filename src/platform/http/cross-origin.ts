import type { FastifyReply } from 'fastify'
import { requestIdHeader } from './request-id.ts'
import type { Server } from './server.ts'

/** @param origin pages of this origin may read the response, even an error; `*`: all origins */
export function allowCrossOrigin(reply: FastifyReply, origin: string): void {
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': `retry-after, x-krafter-ignored, ${requestIdHeader}`,
  })
}

/** Undoes {@link allowCrossOrigin}, so that pages of other origins cannot read the response. */
export function refuseCrossOrigin(reply: FastifyReply): void {
  reply.removeHeader('access-control-allow-origin')
}

/**
 * Answers the CORS preflights that browsers send before they post JSON to another origin (Fetch §4.8).
 *
 * @param methods the value of `access-control-allow-methods`
 * @param maxAgeSeconds how long a browser may cache the answer
 */
export function answerPreflights(server: Server, path: string, methods: string, maxAgeSeconds: number): void {
  // Preflights have no body. Anybody may send one, without a rate limit.
  server.options(path, { schema: { hide: true }, bodyLimit: 1 }, async (_, reply) =>
    reply
      .code(204)
      .headers({
        'access-control-allow-methods': methods,
        'access-control-allow-headers': 'content-type',
        'access-control-max-age': String(maxAgeSeconds),
      })
      .send(),
  )
}
