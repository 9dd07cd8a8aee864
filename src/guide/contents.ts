/** A page of the guide. */
export interface ContentsPage {
  /** Its file below docs/, without `.md`: `send/vapid-keys`. */
  path: string
  title: string
}

/** Pages that belong together, under a heading. */
export interface ContentsSection {
  title: string
  pages: ContentsPage[]
}

/** The table of contents, as docs/README.md has it: a heading for each section, a list item with a link for each page. */
export function readContents(index: string): ContentsSection[] {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')).trim(),
      pages: [...section.matchAll(/^- \[([^\]]+)\]\(([^)#]+)\.md\)/gm)].map(([, title, path]) => ({
        title: title!,
        path: path!,
      })),
    }))
}
