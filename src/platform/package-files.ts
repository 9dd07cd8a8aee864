import { existsSync } from 'node:fs'

/**
 * The URL of a file or folder of the package, such as `web/sdk/`, whether or not it exists.
 *
 * @param path from the root of the package
 */
export function packagePath(path: string): URL {
  // One folder up from the bundle, two from the sources.
  const root = ['../', '../../']
    .map((up) => new URL(up, import.meta.url))
    .find((folder) => existsSync(new URL('package.json', folder)))
  if (!root) throw new Error('package.json is missing')
  return new URL(path, root)
}

/**
 * Like {@link packagePath}, for a file or folder that must exist.
 *
 * @throws Error when the package lacks it
 */
export function packageFile(path: string): URL {
  const url = packagePath(path)
  if (!existsSync(url)) throw new Error(`${path} is missing`)
  return url
}
