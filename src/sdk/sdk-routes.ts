import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { ownUrl } from '../platform/http/own-url.ts'
import type { Server } from '../platform/http/server.ts'
import { etagOf, readStaticFile, type StaticFile, sendUnlessKnown } from '../platform/http/static-page.ts'

/** One hour: browsers may use the old script that long after an upgrade. Old scripts keep working. */
const maxAge = 'max-age=3600'
/** The placeholder for the service's origin in the worker's script. */
const serverPlaceholder = /[`'"]__KRAFTER_SERVER__[`'"]/

/** Serves the browser scripts: `/sdk/krafter-push.js` for pages, `/sdk/krafter-push-sw.js` for service workers. */
export function registerSdkRoutes(server: Server, { config }: Pick<Deps, 'config'>): void {
  const page = readStaticFile('web/sdk/krafter-push.js')
  const worker = readStaticFile('web/sdk/krafter-push-sw.js')
  const schema = { hide: true }
  server.get('/sdk/krafter-push.js', { schema }, async (request, reply) =>
    answer(request, reply, page, 'public'),
  )
  server.get('/sdk/krafter-push-sw.js', { schema }, async (request, reply) => {
    // The request's own host may be wrong or forged, so no cache may give this answer to other clients.
    if (!config.publicUrl) reply.header('vary', 'host, x-forwarded-host, x-forwarded-proto')
    const origin = ownUrl(request, config.publicUrl)
    // Lets pages served through the same proxy register this script itself as their worker, for all paths.
    reply.header('service-worker-allowed', '/')
    const content = String(worker.content).replace(serverPlaceholder, () => JSON.stringify(origin))
    const ofOrigin = { ...worker, content, etag: etagOf(worker.etag + origin) }
    return answer(request, reply, ofOrigin, config.publicUrl ? 'public' : 'private')
  })
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  script: StaticFile,
  cachedBy: 'public' | 'private',
): FastifyReply {
  reply.headers({
    'cache-control': `${cachedBy}, ${maxAge}`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  })
  return sendUnlessKnown(request, reply, script)
}
