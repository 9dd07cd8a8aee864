/**
 * The module `name` beside the one whose `import.meta.url` is given, for a thread or a process that is to run it. In the
 * bundle, all files lie beside each other: whoever asks as `.ts` gets a `.ts`, as `.js` a `.js`. `scripts/bundle-service.ts`
 * has to list the module.
 *
 * @param name without its ending, e.g. `embedded-thread`
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  return new URL(`./${name}${importMetaUrl.slice(importMetaUrl.lastIndexOf('.'))}`, importMetaUrl)
}
