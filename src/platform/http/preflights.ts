import type { Server } from './server.ts'

/**
 * Answers the CORS preflights that browsers send before they post JSON to another origin (Fetch §4.8).
 *
 * @param methods as `access-control-allow-methods` has them
 * @param maxAgeSeconds how long a browser may cache the answer
 */
export function answerPreflights(server: Server, path: string, methods: string, maxAgeSeconds: number): void {
  server.options(path, { schema: { hide: true } }, async (_, reply) =>
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
