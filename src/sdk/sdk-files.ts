import { readFileSync } from 'node:fs'

/** A script for browsers, as web/sdk/ has it. */
export function readSdkFile(name: 'krafter-push.js' | 'krafter-push-sw.js'): string {
  // Two folders up from the sources, three from the compiled ones.
  for (const root of ['../../', '../../../']) {
    try {
      return readFileSync(new URL(`${root}web/sdk/${name}`, import.meta.url), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error(`web/sdk/${name} is missing`)
}
