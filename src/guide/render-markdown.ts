import { Marked, Renderer, type Token, type Tokens } from 'marked'
import { guideLink } from './links.ts'

/** A part of a page, from one heading to the next. */
export interface Section {
  /** '' for the text before the first heading below the title. */
  anchor: string
  heading: string
  text: string
}

/** Renders a Markdown file of the documentation as HTML. @param file below docs/, with `.md` */
export function renderMarkdown(file: string, markdown: string) {
  const marked = new Marked({ renderer: rendererFor(file) })
  const tokens = marked.lexer(markdown)
  const first = tokens.find((token) => token.type === 'heading')
  return {
    title: first ? plainText(first) : file,
    html: marked.parser(tokens),
    sections: cutSections(tokens),
  }
}

export type RenderedPage = ReturnType<typeof renderMarkdown>

function rendererFor(file: string): Renderer {
  const renderer = new Renderer()
  const { table } = renderer
  renderer.heading = function ({ tokens, depth, text }) {
    const anchor = toAnchor(text)
    const link =
      depth === 1 ? '' : ` <a class="anchor" href="#${anchor}" aria-label="Link to this section">#</a>`
    return `<h${depth} id="${anchor}">${this.parser.parseInline(tokens)}${link}</h${depth}>\n`
  }
  renderer.link = function ({ href, tokens }) {
    const text = this.parser.parseInline(tokens)
    const target = guideLink(file, href)
    return target === undefined ? text : `<a href="${escapeHtml(target)}">${text}</a>`
  }
  // Wide tables scroll on a phone and by keyboard.
  renderer.table = function (token) {
    return `<div class="table" tabindex="0" role="region" aria-label="Table">${table.call(this, token)}</div>\n`
  }
  renderer.html = ({ text }) => escapeHtml(text)
  return renderer
}

function cutSections(tokens: Token[]): Section[] {
  const sections: Section[] = []
  for (const token of tokens) {
    if (token.type === 'heading') {
      const { text, depth } = token as Tokens.Heading
      sections.push({ anchor: depth === 1 ? '' : toAnchor(text), heading: plainText(token), text: '' })
    } else if (sections.length > 0) sections.at(-1)!.text += `${plainText(token)} `
  }
  return sections
}

/** The text that a reader sees. */
function plainText(token: Token): string {
  const { tokens, items, header, rows, text } = token as Partial<Tokens.Generic>
  const parts = tokens ?? items ?? (header ? [...header, ...rows.flat()] : undefined)
  return parts ? parts.map(plainText).join(header || items ? ' ' : '') : (text ?? '')
}

/** Derives the anchor as GitHub does, so that links work on GitHub and in the guide. */
export function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
