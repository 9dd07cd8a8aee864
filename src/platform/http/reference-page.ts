import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { packageFile } from '../package-files.ts'
import type { Server } from './server.ts'
import { pageHeaders, readStaticFile, type StaticFile, sendUnlessKnown } from './static-page.ts'

/**
 * Serves the API reference at `/docs`: static files (web/docs/) that show `/openapi.json`. The page loads nothing from
 * other sites, and its content security policy only allows requests to this service.
 */
export function registerReferencePage(server: Server): void {
  const files = readPage()
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(headers)
    const [path = ''] = request.url.split('?', 1)
    // The page's links are relative, so that a proxy may serve it below another path.
    if (path === '/docs') return reply.code(308).header('location', 'docs/').send()
    const file = files.get(path.slice('/docs/'.length) || 'index.html')
    if (!file) return reply.callNotFound()
    // Browsers revalidate on every visit, because the page's modules must all have the same version.
    reply.header('cache-control', 'no-cache')
    return sendUnlessKnown(request, reply, file)
  }
  for (const path of ['/docs', '/docs/*']) server.get(path, { schema: { hide: true } }, answer)
}

const headers = pageHeaders({
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'connect-src': "'self'",
})

/** The files of the page, by name. */
function readPage(): Map<string, StaticFile> {
  const own = readdirSync(packageFile('web/docs/')).map((name) => `web/docs/${name}`)
  const paths = [...own, 'web/look.css', 'web/icon.svg']
  return new Map(paths.map((path) => [basename(path), readStaticFile(path)]))
}
