/**
 * The URL of the module `name` in the same folder as the calling module, for a thread or process to run. The extension
 * is the caller's: `.ts` in the sources, `.js` in the bundle, where all files are in one folder.
 * `scripts/bundle-service.ts` has to list the module.
 *
 * @param name without its extension, e.g. `embedded-thread`
 */
export function siblingModule(importMetaUrl: string, name: string): URL {
  return new URL(`./${name}${importMetaUrl.slice(importMetaUrl.lastIndexOf('.'))}`, importMetaUrl)
}
