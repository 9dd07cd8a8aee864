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
  return replaceTarget(file, href, (target) => hrefFrom(pageOf(file), pageOf(target)))
}

/**
 * A link of a file by another one's address, the anchor kept. Links to elsewhere and within the file stay as they are.
 *
 * @param file below docs/, with `.md`
 * @param toHref makes the address, of a file below docs/ or of `../../openapi.json` seen from there as it is served
 * @returns undefined when it leads to a file that is not served
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

/** The page that a file below docs/ is. */
export function pageOf(file: string): GuidePath {
  return file === 'README.md' ? '' : file.replace(/\.md$/, '')
}
