import { posix } from 'node:path'
import { hrefFrom, pageOf, replaceTarget } from './links.ts'

/** The file as `/docs/guide/<page>.md` serves it. Links to unserved files become text. @param file below docs/ */
export function withServedLinks(file: string, markdown: string): string {
  return replaceLinks(file, markdown, (target) => hrefFrom(pageOf(file), target))
}

/** The file with absolute links. @param url where clients reach the service, without a slash at the end */
export function withAbsoluteLinks(file: string, markdown: string, url: string): string {
  return replaceLinks(file, markdown, (target) => url + posix.join('/docs/guide', target))
}

const fences = /(^ *```[\s\S]*?^ *```$)/m
const link = /\[([^[\]]*)\]\(([^)\s]+)\)/g

function replaceLinks(file: string, markdown: string, toHref: (target: string) => string): string {
  const replaceIn = (text: string) =>
    text.replaceAll(link, (_, label: string, href: string) => {
      const target = replaceTarget(file, href, toHref)
      return target === undefined ? label : `[${label}](${target})`
    })
  // Every second part is code.
  return markdown
    .split(fences)
    .map((part, index) => (index % 2 === 0 ? replaceIn(part) : part))
    .join('')
}
