/** A page of the guide. */
export interface ContentsPage {
  /** The page's file below docs/, without `.md`: `send/vapid-keys`. */
  path: string
  title: string
}

/** A group of pages under a heading. */
export interface ContentsSection {
  title: string
  pages: ContentsPage[]
}

/** Reads the contents from docs/README.md: a heading for each section, a list item with a link for each page. */
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
