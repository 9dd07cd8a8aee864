import { basename } from 'node:path'
import type { FastifyReply } from 'fastify'
import { ownUrl } from '../platform/http/own-url.ts'
import type { Server } from '../platform/http/server.ts'
import { pageHeaders, readStaticFile, sendUnlessKnown } from '../platform/http/static-page.ts'
import type { Guide } from './guide.ts'

/** The pages have no scripts and make requests only to this service. */
const headers = {
  ...pageHeaders({ 'style-src': "'self'", 'img-src': "'self'", 'form-action': "'self'" }),
  'cache-control': 'public, max-age=300',
}

const paths = ['web/look.css', 'web/guide/style.css', 'web/icon.svg']

/**
 * Serves the documentation at `/docs/guide/`: pages for people, and Markdown, listed in `/llms.txt`, for programs. The
 * first request loads it, so that starts stay fast.
 *
 * @param publicUrl where clients reach the service, if that is configured
 */
export function registerGuideRoutes(server: Server, publicUrl: string | undefined): void {
  const files = new Map(paths.map((path) => [basename(path), readStaticFile(path)]))
  let loading: Promise<Guide> | undefined
  const load = () => {
    loading ??= import('./guide.ts').then(({ loadGuide }) => loadGuide())
    // After a failure, the next request loads the guide again.
    loading.catch(() => {
      loading = undefined
    })
    return loading
  }
  const send = (reply: FastifyReply, html: string) =>
    reply.headers(headers).type('text/html; charset=utf-8').send(html)
  const sendMarkdown = (reply: FastifyReply, markdown: string, type = 'text/markdown') =>
    reply.headers(headers).type(`${type}; charset=utf-8`).send(markdown)
  const schema = { hide: true }
  server.get('/llms.txt', { schema }, async (request, reply) =>
    sendMarkdown(reply, (await load()).llmsTxt(ownUrl(request, publicUrl)), 'text/plain'),
  )
  server.get('/llms-full.txt', { schema }, async (request, reply) =>
    sendMarkdown(reply, (await load()).llmsFullTxt(ownUrl(request, publicUrl)), 'text/plain'),
  )
  // Links between pages are relative, so that a proxy may serve the guide below another path.
  server.get('/docs/guide', { schema }, async ({ url }, reply) => {
    // The router treats a path with a trailing slash like the same path without it.
    if (!url.split('?', 1)[0]!.endsWith('/')) return reply.code(308).header('location', 'guide/').send()
    return send(reply, (await load()).pages.get('')!)
  })
  server.get('/docs/guide/search', { schema }, async ({ query }, reply) => {
    const { q } = query as Record<string, unknown>
    return send(reply, (await load()).search(typeof q === 'string' ? q.trim() : ''))
  })
  server.get('/docs/guide/*', { schema }, async (request, reply) => {
    const path = (request.params as Record<string, string>)['*']!
    const file = files.get(path)
    if (file) return sendUnlessKnown(request, reply.headers(headers), file)
    const { pages, files: markdown, missing } = await load()
    if (markdown.has(path)) return sendMarkdown(reply, markdown.get(path)!)
    const html = pages.get(path)
    return html === undefined ? send(reply.code(404), missing(path)) : send(reply, html)
  })
}
