import { existsSync } from 'node:fs'

/**
 * Finds a file or folder of the package, such as `web/sdk/`.
 *
 * @param path from the root of the package
 * @throws Error when the package lacks it
 */
export function packageFile(path: string): URL {
  // Two folders up from the sources, three from the compiled ones.
  const found = ['../../', '../../../'].map((root) => new URL(root + path, import.meta.url)).find(existsSync)
  if (!found) throw new Error(`${path} is missing`)
  return found
}
