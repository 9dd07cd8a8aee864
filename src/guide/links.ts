import { posix } from 'node:path'

/** Where the guide's pages are, seen from `/docs/guide/`: '' is its first page. */
export type GuidePath = string

/** The way from one page to another, without the origin, so that a proxy may serve the guide below another path. */
export function hrefFrom(page: GuidePath, target: string): string {
  const href = posix.relative(posix.dirname(`/docs/guide/${page}x`), `/docs/guide/${target}`)
  return target === '' || target.endsWith('/') ? `${href || '.'}/` : href
}

/**
 * A link of a Markdown file as the guide has it.
 *
 * @param file below docs/, with `.md`
 * @returns undefined when it leads to a file that is not served
 */
export function guideLink(file: string, href: string): string | undefined {
  if (/^[a-z]+:/.test(href) || href.startsWith('#')) return href
  const page = pageOf(file)
  const [path = '', anchor] = href.split('#')
  const target = posix.normalize(posix.join(posix.dirname(file), path))
  if (target === '../openapi.json') return hrefFrom(page, '../../openapi.json')
  if (/^(\.\.|adr)\//.test(target) || !target.endsWith('.md')) return undefined
  return hrefFrom(page, pageOf(target)) + (anchor === undefined ? '' : `#${anchor}`)
}

/** The page that a file below docs/ is. */
export function pageOf(file: string): GuidePath {
  return file === 'README.md' ? '' : file.replace(/\.md$/, '')
}
