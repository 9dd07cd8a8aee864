import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const source = (path: string) => fileURLToPath(new URL(`../packages/browser/src/${path}`, import.meta.url))

/** The scripts of web/sdk/, which the service serves: name → how it is built from packages/browser. */
const scripts = {
  'krafter-push.js': { input: source('served-page.ts'), format: 'es' },
  'krafter-push-sw.js': { input: source('worker/served-worker.ts'), format: 'iife' },
} as const

const banner = '// Krafter Push, MIT licence: made of packages/browser by `npm run sdk`.'

/** @returns the scripts by name */
export async function renderSdk(): Promise<Record<string, string>> {
  const rendered = Object.entries(scripts).map(async ([name, { input, format }]) => {
    const bundle = await rolldown({ input })
    const { output } = await bundle.generate({ format, minify: true })
    await bundle.close()
    return [name, `${banner}\n${output[0].code}\n`]
  })
  return Object.fromEntries(await Promise.all(rendered))
}
