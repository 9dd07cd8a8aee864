import type { FastifyReply } from 'fastify'
import type { Server } from '../platform/http/server.ts'
import type { Guide } from './guide.ts'
import { readPackageFile } from './guide-files.ts'

/** The page has no script, and asks nobody but this service. */
const headers = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'public, max-age=300',
}

const files = new Map([
  ['style.css', 'text/css; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
])

/** The documentation for people, at `/docs/guide/`. It is loaded with its first reader, so that starts stay fast. */
export function registerGuideRoutes(server: Server): void {
  let loading: Promise<Guide> | undefined
  const load = () => {
    loading ??= import('./guide.ts').then(({ loadGuide }) => loadGuide())
    // The next reader tries again.
    loading.catch(() => {
      loading = undefined
    })
    return loading
  }
  const send = (reply: FastifyReply, html: string) =>
    reply.headers(headers).type('text/html; charset=utf-8').send(html)
  const schema = { hide: true }
  // Pages name each other by relative paths, so that a proxy may serve them below another one.
  server.get('/docs/guide', { schema }, async ({ url }, reply) => {
    // The server takes a path with a trailing slash for the same path without it.
    if (!url.split('?', 1)[0]!.endsWith('/')) return reply.code(308).header('location', 'guide/').send()
    return send(reply, (await load()).pages.get('')!)
  })
  server.get('/docs/guide/search', { schema }, async ({ query }, reply) => {
    const { q } = query as Record<string, unknown>
    return send(reply, (await load()).search(typeof q === 'string' ? q.trim() : ''))
  })
  server.get('/docs/guide/*', { schema }, async ({ params }, reply) => {
    const path = (params as Record<string, string>)['*']!
    const type = files.get(path)
    if (type)
      return reply
        .headers(headers)
        .type(type)
        .send(await readPackageFile(`web/guide/${path}`))
    const { pages, missing } = await load()
    const html = pages.get(path)
    return html === undefined ? send(reply.code(404), missing(path)) : send(reply, html)
  })
}
