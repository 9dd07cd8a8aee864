import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { packageFile } from '../package-files.ts'
import type { Server } from './server.ts'
import { pageHeaders } from './static-page.ts'

/** Serves browsers a page of links at `/`. Other clients get the same 404 as for any unknown path. */
export function registerHomePage(server: Server, { version }: { version: string }): void {
  const style = readFileSync(packageFile('web/look.css'), 'utf8') + ownStyle
  const page = homePage(version, style)
  const hash = createHash('sha256').update(style).digest('base64')
  const headers = pageHeaders({ 'style-src': `'sha256-${hash}'` })
  server.get('/', { schema: { hide: true } }, async (request, reply) => {
    if (!request.headers.accept?.includes('text/html')) return reply.callNotFound()
    return reply.headers(headers).type('text/html; charset=utf-8').send(page)
  })
}

const ownStyle = `
body {
  margin: 0 auto;
  padding: 4rem 1.25rem;
  max-width: 42rem;
  font: 16px / 1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { margin: 0; font-size: 1.75rem }
p { margin: .5rem 0 1.5rem; color: var(--quiet) }
ul { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 10px; overflow: hidden }
li + li { border-top: 1px solid var(--line) }
li { padding: .9rem 1.1rem; color: var(--quiet) }
li a, li strong { display: block; color: var(--accent); font-weight: 600 }
li strong { color: var(--text) }
code {
  padding: .1em .35em;
  border-radius: 4px;
  background: var(--raised);
  font: .87em ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere;
}`

/** Links are relative, so that a proxy may serve the service below another path. */
function homePage(version: string, style: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Krafter Push</title>
    <style>${style}</style>
  </head>
  <body>
    <main>
      <h1>Krafter Push</h1>
      <p>Version ${version} is running. Where to go from here:</p>
      <ul>
        <li><a href="docs/guide/">Guide</a>From the first notification to running the service for others.</li>
        <li><a href="docs/">API reference</a>Every call of the API, with examples to try.</li>
        <li><strong>Get an API key</strong>The first start printed one. For another, run
          <code>krafter-push keys create</code> on the machine of the service.</li>
        <li><strong>Send a notification</strong><code>krafter-push send --all --title Hello</code></li>
        <li><a href="openapi.json">openapi.json</a>The description of the API, for tools and generated clients.</li>
        <li><a href="readyz">Health</a>Whether the service and its database are ready.</li>
      </ul>
    </main>
  </body>
</html>
`
}
