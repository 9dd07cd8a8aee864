import MiniSearch from 'minisearch'
import type { RenderedPage } from './render-markdown.ts'

/** A section of the guide that matches a query. */
export interface Hit {
  /** The page, with the section's anchor. */
  path: string
  page: string
  heading: string
  excerpt: string
}

export type Search = (query: string) => Hit[]

/** Longer queries are cut, because each further term costs another search of the index. */
const maxQueryLength = 100
const maxTerms = 8
const maxHits = 20
const excerptLength = 180

/** Indexes every section of every page. @param pages by their paths */
export function createSearch(pages: ReadonlyMap<string, RenderedPage>): Search {
  const index = new MiniSearch({
    fields: ['heading', 'page', 'text'],
    storeFields: ['path', 'page', 'heading', 'text'],
    searchOptions: {
      boost: { heading: 3, page: 2 },
      combineWith: 'AND',
      prefix: (term) => term.length > 2,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
    },
  })
  for (const [path, { title, sections }] of pages) {
    for (const { anchor, heading, text } of sections) {
      const target = anchor === '' ? path : `${path}#${anchor}`
      index.add({ id: target, path: target, page: title, heading, text })
    }
  }
  return (query) => {
    const terms = query.slice(0, maxQueryLength).split(/\s+/).slice(0, maxTerms)
    return index
      .search(terms.join(' '))
      .slice(0, maxHits)
      .map(({ path, page, heading, text, terms: matched }) => ({
        path,
        page,
        heading,
        excerpt: excerpt(text, matched),
      }))
  }
}

/** The text around the first word that matched. */
function excerpt(text: string, words: string[]): string {
  const found = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0)
  const start = Math.max(0, Math.min(...found, text.length) - excerptLength / 3)
  const from = found.length > 0 && start > 0 ? text.indexOf(' ', start) + 1 : 0
  const cut = text.slice(from, from + excerptLength).trim()
  return `${from > 0 ? '… ' : ''}${cut}${from + excerptLength < text.length ? ' …' : ''}`
}
