import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { referenceFiles } from './reference-files.ts'
import type { Server } from './server.ts'

/** How long browsers keep the page's scripts and icon; they would load 5 MB for every look otherwise. */
const fileCaching = 'public, max-age=3600'

/**
 * The description of the API as a page, at `/docs`. Nothing of it comes from elsewhere, and its policy lets it ask only
 * this service. The viewer is loaded with its first reader: its script is one of 5 MB in a JavaScript file, which every
 * start would parse and every process keep.
 */
export function registerReferencePage(
  server: Server,
  config: { publicUrl: string | undefined },
  describe: (origin: string) => object,
): void {
  const files = new Map(Object.entries(referenceFiles))
  const policy = contentPolicy(config.publicUrl)
  let viewer: Promise<FastifyInstance> | undefined
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(policy)
    const [path = ''] = request.url.split('?', 1)
    // The page names its files by paths beside it, so that a proxy may serve it below another path.
    if (path === '/docs') return reply.code(308).header('location', 'docs/').send()
    const name = path.slice('/docs/'.length)
    const file = files.get(name)
    if (file) {
      if (name !== '') reply.header('cache-control', fileCaching)
      return reply.type(file.type).send(file.text)
    }
    viewer ??= loadViewer(() => describe(config.publicUrl ?? ''))
    const { statusCode, headers, rawPayload } = await (await viewer).inject(request.url)
    if (name === viewerScript) reply.header('cache-control', fileCaching)
    return reply.code(statusCode).headers(headers).send(rawPayload)
  }
  for (const path of ['/docs', '/docs/*']) server.get(path, { schema: { hide: true } }, answer)
}

/** Where the viewer has its script; web/docs/index.html names it, too. */
const viewerScript = 'js/scalar.js'

/** The viewer sets styles in the page itself. The requests that a reader tries out go to the public URL. */
function contentPolicy(publicUrl: string | undefined): Record<string, string> {
  const service = publicUrl === undefined ? '' : ` ${new URL(publicUrl).origin}`
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self' data: blob:",
      `connect-src 'self'${service}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
  }
}

async function loadViewer(describe: () => object): Promise<FastifyInstance> {
  const { default: reference } = await import('@scalar/fastify-api-reference')
  const viewer = fastify()
  await viewer.register(reference, { routePrefix: '/docs', configuration: { content: () => describe() } })
  return viewer
}
