import { readFile } from 'node:fs/promises'
import { packageFile } from '../platform/package-files.ts'
import { readContents } from './contents.ts'
import { guidePage, missingPage, searchPage } from './guide-page.ts'
import { pageOf } from './links.ts'
import { llmsFullTxt, llmsTxt } from './llms-txt.ts'
import { withServedLinks } from './markdown-links.ts'
import { type RenderedPage, renderMarkdown } from './render-markdown.ts'
import { createSearch } from './search.ts'

/** Reads and renders all pages in the table of contents of docs/. Takes about 100 ms and 1 MB of memory. */
export async function loadGuide() {
  const index = await readDoc('README.md')
  const contents = readContents(index)
  const files = new Map([['README.md', index]])
  for (const { path } of contents.flatMap(({ pages }) => pages)) {
    files.set(`${path}.md`, await readDoc(`${path}.md`))
  }
  const rendered = new Map<string, RenderedPage>(
    [...files].map(([file, markdown]) => [pageOf(file), renderMarkdown(file, markdown)]),
  )
  const search = createSearch(rendered)
  return {
    /** HTML of each page, by its path below /docs/guide/. */
    pages: new Map([...rendered].map(([path, page]) => [path, guidePage(path, page, contents)])),
    /** Markdown of each page, by the same path with `.md`. */
    files: new Map([...files].map(([file, markdown]) => [file, withServedLinks(file, markdown)])),
    search: (query: string) => searchPage(query, search(query), contents),
    missing: (path: string) => missingPage(path, contents),
    /** @param url where the service is reached, without a slash at the end */
    llmsTxt: (url: string) => llmsTxt(index, url),
    llmsFullTxt: (url: string) => llmsFullTxt(files, url),
  }
}

/** The guide, ready to be served. */
export type Guide = Awaited<ReturnType<typeof loadGuide>>

const readDoc = (path: string) => readFile(packageFile(`docs/${path}`), 'utf8')
