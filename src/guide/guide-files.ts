import { readFile } from 'node:fs/promises'

/** A file of `docs/` or `web/`. @param path from the root of the package */
export async function readPackageFile(path: string): Promise<string> {
  // Two folders up from the sources, three from the compiled ones.
  for (const root of ['../../', '../../../']) {
    try {
      return await readFile(new URL(root + path, import.meta.url), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error(`${path} is missing`)
}
