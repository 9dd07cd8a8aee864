import { readFileSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import type { Server } from '../platform/http/server.ts'
import { etagOf, sendUnlessKnown } from '../platform/http/static-page.ts'
import { packageFile } from '../platform/package-files.ts'

/** An hour: what a browser may not have heard of yet after an upgrade. Old scripts go on working. */
const maxAge = 'max-age=3600'
/** What the worker's script has in place of where it is served. */
const serverPlaceholder = /[`'"]__KRAFTER_SERVER__[`'"]/

/** The scripts for browsers: `/sdk/krafter-push.js` for pages, `/sdk/krafter-push-sw.js` for service workers. */
export function registerSdkRoutes(server: Server, { config }: Pick<Deps, 'config'>): void {
  const page = readFileSync(packageFile('web/sdk/krafter-push.js'), 'utf8')
  const worker = readFileSync(packageFile('web/sdk/krafter-push-sw.js'), 'utf8')
  const schema = { hide: true }
  server.get('/sdk/krafter-push.js', { schema }, async (request, reply) =>
    answer(request, reply, page, 'public'),
  )
  server.get('/sdk/krafter-push-sw.js', { schema }, async (request, reply) => {
    // What the request itself says may be wrong, or made up: no cache may hand it to anybody else.
    if (!config.publicUrl) reply.header('vary', 'host, x-forwarded-host, x-forwarded-proto')
    const origin = config.publicUrl ?? `${request.protocol}://${request.host}`
    // Also as a worker of its own, for pages that are served through the same proxy.
    reply.header('service-worker-allowed', '/')
    return answer(
      request,
      reply,
      worker.replace(serverPlaceholder, () => JSON.stringify(origin)),
      config.publicUrl ? 'public' : 'private',
    )
  })
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  script: string,
  cachedBy: 'public' | 'private',
): FastifyReply {
  reply.headers({
    'cache-control': `${cachedBy}, ${maxAge}`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  })
  const type = 'text/javascript; charset=utf-8'
  return sendUnlessKnown(request, reply, { type, content: script, etag: etagOf(script) })
}
