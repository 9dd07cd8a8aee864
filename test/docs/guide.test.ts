import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { renderApiReference } from '../../scripts/render-api-reference.ts'
import { renderMcpReference } from '../../scripts/render-mcp-reference.ts'
import { readContents } from '../../src/guide/contents.ts'
import { registerGuideRoutes } from '../../src/guide/guide-routes.ts'
import { hrefFrom } from '../../src/guide/links.ts'
import { renderMarkdown } from '../../src/guide/render-markdown.ts'
import type { Server } from '../../src/platform/http/server.ts'
import { readDocument } from '../support/documents.ts'

const docs = fileURLToPath(new URL('../../docs/', import.meta.url))
const paths = readContents(readDocument('docs/README.md')).flatMap(({ pages }) =>
  pages.map(({ path }) => path),
)
let server: FastifyInstance

beforeAll(async () => {
  server = Fastify()
  registerGuideRoutes(server as unknown as Server, undefined)
  await server.listen()
})

afterAll(() => server.close())

const get = async (path: string) => {
  const { port } = server.server.address() as { port: number }
  const answer = await fetch(`http://localhost:${port}/docs/${path}`)
  return { status: answer.status, url: answer.url, headers: answer.headers, text: await answer.text() }
}

test('the contents name every page of docs/, each once', () => {
  const files = globSync('**/*.md', { cwd: docs, exclude: ['adr/**', 'README.md'] })
  expect([...paths].sort()).toEqual(files.map((file) => file.replace(/\.md$/, '')).sort())
})

test('docs/reference/api.md is what openapi.json says: npm run openapi makes it anew', () => {
  expect(readDocument('docs/reference/api.md')).toBe(renderApiReference(readDocument('openapi.json')))
})

test('docs/reference/mcp.md has the tools that are there: npm run openapi makes it anew', () => {
  const description = JSON.parse(readDocument('openapi.json'))
  expect(readDocument('docs/reference/mcp.md')).toBe(renderMcpReference(description))
})

test('every page is served, and every link of it leads to a page and a heading that are there', async () => {
  const pages = await Promise.all(['guide', ...paths.map((path) => `guide/${path}`)].map(get))
  const known = new Map(pages.map(({ url, text }) => [url, text]))
  for (const { url, status, text } of pages) {
    expect(status, url).toBe(200)
    const hrefs = [...text.matchAll(/ href="([^"]+)"/g)].map(([, href]) => new URL(href!, url))
    const own = hrefs.filter(({ pathname, host }) => host === new URL(url).host && !/\.\w+$/.test(pathname))
    for (const { origin, pathname, hash } of own.filter(({ pathname }) => pathname !== '/docs/')) {
      const target = known.get(origin + pathname)
      expect(target, `${pathname} on ${url}`).toBeDefined()
      if (hash) expect(target, `${pathname}${hash} on ${url}`).toContain(`id="${hash.slice(1)}"`)
    }
  }
})

test('/llms.txt lists every page as Markdown, in the form of llmstxt.org', async () => {
  const { text, headers, url } = await get('../llms.txt')
  expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
  const [title, summary, ...sections] = text.trim().split('\n\n')
  expect(title).toBe('# Krafter Push guide')
  expect(summary).toMatch(/^> [^\n]+(\n> [^\n]+)*$/)
  const lists = sections.filter((_, index) => index % 2 === 1)
  for (const heading of sections.filter((_, index) => index % 2 === 0)) expect(heading).toMatch(/^## .+$/)
  const items = lists.flatMap((list) => list.split('\n'))
  const hrefs = items.map((item) => /^- \[[^\]]+\]\((\S+)\): .+$/.exec(item)?.[1])
  const { origin } = new URL(url)
  expect(hrefs).toEqual([
    ...paths.map((path) => `${origin}/docs/guide/${path}.md`),
    `${origin}/llms-full.txt`,
    `${origin}/openapi.json`,
  ])
})

test('every page is there as Markdown too, and its links lead to Markdown that is there', async () => {
  const files = ['README', ...paths].map((path) => `guide/${path}.md`)
  const pages = await Promise.all(files.map(get))
  const known = new Set(pages.map(({ url }) => url))
  let followed = 0
  for (const { url, status, headers, text } of pages) {
    expect(status, url).toBe(200)
    expect(headers.get('content-type')).toBe('text/markdown; charset=utf-8')
    for (const [, href] of text.replace(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)) {
      const { origin, pathname } = new URL(href!, url)
      if (origin !== new URL(url).origin || pathname === '/openapi.json') continue
      expect(known, `${href} on ${url}`).toContain(origin + pathname)
      followed++
    }
  }
  expect(followed).toBeGreaterThan(50)
  expect((await get('guide/start/concepts')).text).toContain('rel="alternate" href="concepts.md"')
})

test('/llms-full.txt has all pages, with links that work from anywhere', async () => {
  const { text, url } = await get('../llms-full.txt')
  const { origin } = new URL(url)
  for (const path of paths) {
    const [title] = readDocument(`docs/${path}.md`).split('\n', 1)
    expect(text).toContain(`<!-- ${origin}/docs/guide/${path}.md -->\n\n${title}\n`)
  }
  const links = [...text.replace(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)]
  expect(links.map(([, href]) => href).filter((href) => !/^(https?:|mailto:|#)/.test(href!))).toEqual([])
})

test('a page loads nothing from elsewhere and runs no script', async () => {
  const { headers, text } = await get('guide/start/concepts')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(text).not.toMatch(/<script|(src|rel="stylesheet" href)="https?:/)
  for (const file of ['style.css', 'icon.svg']) expect((await get(`guide/${file}`)).status).toBe(200)
})

test('search finds sections by words, beginnings and misspelt words', async () => {
  for (const query of ['idempotency', 'idempot', 'idempotancy']) {
    const { text } = await get(`guide/search?q=${query}`)
    expect(text, query).toContain('reference/errors#repeat-a-request-safely')
  }
  expect((await get('guide/search?q=rotate+secret')).text).toContain('receive/webhook-settings#secrets')
})

test.each(['<script>alert(1)</script>', `"${'a '.repeat(2_000)}`, '%00', ''])(
  'a search for %j harms nobody',
  async (query) => {
    const { status, text } = await get(`guide/search?q=${encodeURIComponent(query)}`)
    expect(status).toBe(200)
    expect(text).not.toContain('<script')
  },
)

test.each(['nothing', '../../package.json', 'send', 'style.css/x', '__proto__', 'constructor'])(
  '%s is not a page',
  async (path) => {
    const { status, text } = await get(`guide/${encodeURIComponent(path)}`)
    expect(status).toBe(404)
    expect(text).toContain('Page not found')
  },
)

test.each([
  ['', 'send/vapid-keys', 'send/vapid-keys'],
  ['send/vapid-keys', 'send/subscribers', 'subscribers'],
  ['send/vapid-keys', 'style.css', '../style.css'],
  ['send/vapid-keys', '', '../'],
  ['', '', './'],
  ['search', '../', '../'],
])('from %j to %j is %j', (from, to, href) => {
  expect(hrefFrom(from, to)).toBe(href)
})

test('Markdown becomes HTML without anything that the page could run', () => {
  const { html, title, sections } = renderMarkdown(
    'send/page.md',
    '# A `b` <c>\n\n<script>x</script>\n\n## Two, words!\n\n[out](../../LICENSE) [in](other.md#a)\n\n| a |\n| - |\n| b<i> |\n',
  )
  expect(title).toBe('A b <c>')
  expect(html).not.toMatch(/<script|<i>|LICENSE/)
  expect(html).toContain('<a href="other#a">in</a>')
  expect(html).toContain('id="two-words"')
  expect(sections.map(({ anchor }) => anchor)).toEqual(['', 'two-words'])
})
