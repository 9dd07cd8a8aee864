import { readFile } from 'node:fs/promises'
import { packageFile } from '../platform/package-files.ts'
import { type ContentsSection, readContents } from './contents.ts'
import { guidePage, missingPage, searchPage } from './guide-page.ts'
import { pageOf } from './links.ts'
import { llmsFullTxt, llmsTxt } from './llms-txt.ts'
import { withServedLinks } from './markdown-links.ts'
import { type RenderedPage, renderMarkdown } from './render-markdown.ts'
import { createSearch } from './search.ts'

/** The guide, ready to be served. */
export interface Guide {
  /** HTML of each page, by its path below /docs/guide/. */
  pages: ReadonlyMap<string, string>
  /** Markdown of each page, by the same path with `.md`. */
  files: ReadonlyMap<string, string>
  search(query: string): string
  missing(path: string): string
  /** @param url where the service is reached, without a slash at the end */
  llmsTxt(url: string): string
  llmsFullTxt(url: string): string
}

/** Reads and renders all pages in the table of contents of docs/. Takes about 100 ms and 1 MB of memory. */
export async function loadGuide(): Promise<Guide> {
  const index = await readDoc('README.md')
  const contents: ContentsSection[] = readContents(index)
  const files = new Map([['README.md', index]])
  for (const { path } of contents.flatMap(({ pages }) => pages)) {
    files.set(`${path}.md`, await readDoc(`${path}.md`))
  }
  const rendered = new Map<string, RenderedPage>(
    [...files].map(([file, markdown]) => [pageOf(file), renderMarkdown(file, markdown)]),
  )
  const search = createSearch(rendered)
  return {
    pages: new Map([...rendered].map(([path, page]) => [path, guidePage(path, page, contents)])),
    files: new Map([...files].map(([file, markdown]) => [file, withServedLinks(file, markdown)])),
    search: (query) => searchPage(query, search(query), contents),
    missing: (path) => missingPage(path, contents),
    llmsTxt: (url) => llmsTxt(index, url),
    llmsFullTxt: (url) => llmsFullTxt(files, url),
  }
}

const readDoc = (path: string) => readFile(packageFile(`docs/${path}`), 'utf8')
