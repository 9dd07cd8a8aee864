/** Reads the contents from docs/README.md: a heading for each section, a list item with a link for each page. */
export function readContents(index: string) {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')).trim(),
      pages: [...section.matchAll(/^- \[([^\]]+)\]\(([^)#]+)\.md\)/gm)].map(([, title, path]) => ({
        title: title!,
        /** The page's file below docs/, without `.md`: `send/vapid-keys`. */
        path: path!,
      })),
    }))
}

/** A group of pages under a heading. */
export type ContentsSection = ReturnType<typeof readContents>[number]
