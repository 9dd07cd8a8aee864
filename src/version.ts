import { readFileSync } from 'node:fs'

/** The version and the exact versions of the dependencies in package.json. */
export const { version, dependencies } = readPackage()

/** It lies one folder up from the sources and two from the compiled ones. */
function readPackage(): { version: string; dependencies: Record<string, string> } {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error('package.json is missing')
}
