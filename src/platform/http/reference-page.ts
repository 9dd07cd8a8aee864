import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Server } from './server.ts'

interface PageFile {
  type: string
  bytes: Buffer
  etag: string
}

/**
 * The reference of the API as a page at `/docs`: plain files (web/docs/) that show `/openapi.json`. Nothing of it comes
 * from elsewhere, and its policy lets it ask only this service.
 */
export function registerReferencePage(server: Server): void {
  const files = readPage()
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(policy)
    const [path = ''] = request.url.split('?', 1)
    // The page names its files by paths beside it, so that a proxy may serve it below another path.
    if (path === '/docs') return reply.code(308).header('location', 'docs/').send()
    const file = files.get(path.slice('/docs/'.length) || 'index.html')
    if (!file) return reply.callNotFound()
    // Asked for again at every look: its modules have to be of one version.
    reply.headers({ 'cache-control': 'no-cache', etag: file.etag })
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return reply.type(file.type).send(file.bytes)
  }
  for (const path of ['/docs', '/docs/*']) server.get(path, { schema: { hide: true } }, answer)
}

const policy = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
}

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** The files of the page, by name. Three folders up from the sources, four from the compiled ones. */
function readPage(): Map<string, PageFile> {
  for (const root of ['../../../', '../../../../']) {
    const folder = new URL(`${root}web/docs/`, import.meta.url)
    try {
      return new Map(readdirSync(folder).map((name) => [name, readPageFile(new URL(name, folder))]))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error('web/docs is missing')
}

function readPageFile(url: URL): PageFile {
  const bytes = readFileSync(url)
  const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  return { type: types[url.pathname.split('.').pop()!] ?? 'text/plain', bytes, etag: `"${digest}"` }
}
