import type { ContentsSection } from './contents.ts'
import { hrefFrom } from './links.ts'
import { escapeHtml, type RenderedPage } from './render-markdown.ts'
import type { Hit } from './search.ts'

/** The parts of a page. */
interface Page {
  /** Below /docs/guide/. */
  path: string
  title: string
  /** HTML. */
  main: string
  contents: ContentsSection[]
  query?: string
  /** Link to the same page as Markdown. */
  markdown?: string
}

/** A page of the guide as HTML. */
export function guidePage(path: string, rendered: RenderedPage, contents: ContentsSection[]): string {
  const all = contents.flatMap(({ pages }) => pages)
  const at = all.findIndex((page) => page.path === path)
  const neighbours = [
    ...(all[at - 1] ? [step('previous', path, all[at - 1]!)] : []),
    ...(all[at + 1] ? [step('next', path, all[at + 1]!)] : []),
  ]
  const main = `${rendered.html}<nav class="steps" aria-label="Pages before and after">${neighbours.join('')}</nav>`
  const markdown = hrefFrom(path, `${path || 'README'}.md`)
  return layOut({ path, title: rendered.title, main, contents, markdown })
}

/** The search results as HTML. */
export function searchPage(query: string, hits: readonly Hit[], contents: ContentsSection[]): string {
  const path = 'search'
  const found = hits.map(
    (hit) =>
      `<li><a href="${escapeHtml(hrefFrom(path, hit.path))}">${escapeHtml(hit.heading)}</a>` +
      ` <span class="page">${escapeHtml(hit.page)}</span><p>${escapeHtml(hit.excerpt)}</p></li>`,
  )
  const main =
    query === ''
      ? '<h1>Search</h1><p>Type a word or two into the field above.</p>'
      : hits.length === 0
        ? `<h1>Nothing found</h1><p>No section has “${escapeHtml(query)}”. Try fewer or other words.</p>`
        : `<h1>Sections with “${escapeHtml(query)}”</h1><ol class="hits">${found.join('')}</ol>`
  return layOut({ path, title: 'Search', main, contents, query })
}

/** The answer to an address that the guide does not have. */
export function missingPage(path: string, contents: ContentsSection[]): string {
  const main = '<h1>Page not found</h1><p>Look in the contents, or search.</p>'
  return layOut({ path, title: 'Page not found', main, contents })
}

function step(
  kind: 'previous' | 'next',
  from: string,
  { path, title }: { path: string; title: string },
): string {
  return `<a class="${kind}" rel="${kind === 'next' ? 'next' : 'prev'}" href="${hrefFrom(from, path)}">${escapeHtml(title)}</a>`
}

function layOut({ path, title, main, contents, query = '', markdown }: Page): string {
  const link = (target: string) => hrefFrom(path, target)
  const sections = contents.map(({ title: heading, pages }) => {
    const items = pages.map((page) => {
      const current = page.path === path ? ' aria-current="page"' : ''
      return `<li><a href="${link(page.path)}"${current}>${escapeHtml(page.title)}</a></li>`
    })
    return `<h2>${escapeHtml(heading)}</h2><ul>${items.join('')}</ul>`
  })
  const alternate =
    markdown === undefined ? '' : `\n<link rel="alternate" href="${markdown}" type="text/markdown">`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · Krafter Push</title>
<link rel="icon" href="${link('icon.svg')}" type="image/svg+xml">${alternate}
<link rel="stylesheet" href="${link('look.css')}">
<link rel="stylesheet" href="${link('style.css')}">
</head>
<body>
<a class="skip" href="#main">Skip to the page</a>
<header>
<a class="brand" href="${link('')}"><img src="${link('icon.svg')}" alt="" width="28" height="28">Krafter Push</a>
<form role="search" action="${link('search')}"><input type="search" name="q" maxlength="100" value="${escapeHtml(query)}" placeholder="Search the guide" aria-label="Search the guide"></form>
<nav aria-label="Elsewhere"><a class="to-contents" href="#contents">Contents</a><a href="${link('../')}">API</a></nav>
</header>
<div class="columns">
<main id="main">${main}</main>
<nav id="contents" aria-label="Contents">${sections.join('')}</nav>
</div>
</body>
</html>
`
}
