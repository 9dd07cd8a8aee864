/**
 * The module `name` beside the one whose `import.meta.url` is given, for a thread or a process that is to run it. Imports
 * are rewritten when the sources are compiled, URLs are not: whoever asks as `.ts` gets a `.ts`, as `.js` a `.js`.
 *
 * @param name without its ending, e.g. `embedded-thread`
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  return new URL(`./${name}${importMetaUrl.slice(importMetaUrl.lastIndexOf('.'))}`, importMetaUrl)
}
