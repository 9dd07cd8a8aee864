import { readFile } from 'node:fs/promises'
import { packageFile } from '../platform/package-files.ts'
import { type ContentsSection, readContents } from './contents.ts'
import { guidePage, missingPage, searchPage } from './guide-page.ts'
import { type RenderedPage, renderMarkdown } from './render-markdown.ts'
import { createSearch } from './search.ts'

/** The guide, ready to be served. */
export interface Guide {
  /** HTML of each page, by its path below /docs/guide/. */
  pages: ReadonlyMap<string, string>
  search(query: string): string
  missing(path: string): string
}

/** Reads and renders all of docs/ that its contents name. Takes some 100 ms and holds about 1 MB. */
export async function loadGuide(): Promise<Guide> {
  const index = await readDoc('README.md')
  const contents: ContentsSection[] = readContents(index)
  const rendered = new Map<string, RenderedPage>([['', renderMarkdown('README.md', index)]])
  for (const { path } of contents.flatMap(({ pages }) => pages)) {
    rendered.set(path, renderMarkdown(`${path}.md`, await readDoc(`${path}.md`)))
  }
  const search = createSearch(rendered)
  return {
    pages: new Map([...rendered].map(([path, page]) => [path, guidePage(path, page, contents)])),
    search: (query) => searchPage(query, search(query), contents),
    missing: (path) => missingPage(path, contents),
  }
}

const readDoc = (path: string) => readFile(packageFile(`docs/${path}`), 'utf8')
