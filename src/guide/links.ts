import { posix } from 'node:path'

/** A page's path below `/docs/guide/`; '' is the first page. */
export type GuidePath = string

/** The relative link from one page to another, so that a proxy may serve the guide below another path. */
export function hrefFrom(page: GuidePath, target: string): string {
  const href = posix.relative(posix.dirname(`/docs/guide/${page}x`), `/docs/guide/${target}`)
  return target === '' || target.endsWith('/') ? `${href || '.'}/` : href
}

/**
 * Rewrites a link of a Markdown file for the guide.
 *
 * @param file below docs/, with `.md`
 * @returns undefined when the link's target is not served
 */
export function guideLink(file: string, href: string): string | undefined {
  return replaceTarget(file, href, (target) => hrefFrom(pageOf(file), pageOf(target)))
}

/**
 * Replaces the target of a link and keeps its anchor. External links and links within the file stay unchanged.
 *
 * @param file below docs/, with `.md`
 * @param toHref maps a file below docs/, or `../../openapi.json` (as served, relative to the guide), to its address
 * @returns undefined when the link's target is not served
 */
export function replaceTarget(
  file: string,
  href: string,
  toHref: (target: string) => string,
): string | undefined {
  if (/^[a-z]+:/.test(href) || href.startsWith('#')) return href
  const [path = '', anchor] = href.split('#')
  const target = posix.normalize(posix.join(posix.dirname(file), path))
  if (target === '../openapi.json') return toHref('../../openapi.json')
  if (/^(\.\.|adr)\//.test(target) || !target.endsWith('.md')) return undefined
  return toHref(target) + (anchor === undefined ? '' : `#${anchor}`)
}

/** The page that serves a file below docs/. */
export function pageOf(file: string): GuidePath {
  return file === 'README.md' ? '' : file.replace(/\.md$/, '')
}
