import { withAbsoluteLinks } from './markdown-links.ts'

/**
 * `/llms.txt`: the list of pages, for programs that read for a model (https://llmstxt.org). The guide's contents
 * already have that form: a title, a summary, and sections of links with notes.
 *
 * @param index docs/README.md
 * @param url where the service is reached, without a slash at the end
 */
export function llmsTxt(index: string, url: string): string {
  const [title, summary, ...sections] = withAbsoluteLinks('README.md', index, url).trim().split('\n\n')
  const more = `## Optional

- [All pages in one file](${url}/llms-full.txt): the whole guide.
- [openapi.json](${url}/openapi.json): every call of the API, as OpenAPI 3.1.`
  return `${[title, `> ${summary!.replaceAll('\n', '\n> ')}`, ...sections, more].join('\n\n')}\n`
}

/** `/llms-full.txt`: all pages, one after the other. @param files by their paths below docs/, in order */
export function llmsFullTxt(files: ReadonlyMap<string, string>, url: string): string {
  const pages = [...files].map(
    ([file, markdown]) =>
      `<!-- ${url}/docs/guide/${file} -->\n\n${withAbsoluteLinks(file, markdown, url).trim()}\n`,
  )
  return pages.join('\n')
}
