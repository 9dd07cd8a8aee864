import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { packageFile } from '../package-files.ts'
import type { Server } from './server.ts'
import { pageHeaders } from './static-page.ts'

/** Serves browsers a page of links at `/`. Other clients get the same 404 as for any unknown path. */
export function registerHomePage(server: Server, { version }: { version: string }): void {
  const read = (path: string) => readFileSync(packageFile(path), 'utf8')
  const style = read('web/look.css') + read('web/home/style.css')
  // Within the page, so that the page is one request, and works below another path of a proxy.
  const template = read('web/home/index.html').replace('{version}', version)
  const page = template.replace('<style>', () => `<style>${style}`)
  const hash = createHash('sha256').update(style).digest('base64')
  const headers = pageHeaders({ 'style-src': `'sha256-${hash}'` })
  server.get('/', { schema: { hide: true } }, async (request, reply) => {
    if (!request.headers.accept?.includes('text/html')) return reply.callNotFound()
    return reply.headers(headers).type('text/html; charset=utf-8').send(page)
  })
}
