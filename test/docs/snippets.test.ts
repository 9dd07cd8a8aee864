import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { snippets } from '../support/documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root, exclude: ['docs/adr/**'] })]
/** In the checkout, so that imports find what is installed here; git ignores it. */
const folder = join(root, 'node_modules/.cache/docs-snippets')

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every ts and js snippet compiles', { timeout: 60_000 }, () => {
  let count = 0
  for (const path of documents) {
    for (const language of ['ts', 'js']) {
      for (const text of snippets(path, language)) {
        count++
        writeFileSync(
          join(folder, `${path.replaceAll('/', '-')}-${count}.${language}`),
          `${text}\nexport {}\n`,
        )
      }
    }
  }
  expect(count).toBeGreaterThan(8)
  const strict = { strict: true, noImplicitAny: true }
  const config = (extra: object) => ({
    compilerOptions: {
      target: 'esnext',
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['esnext', 'dom', 'dom.iterable'],
      types: ['node'],
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      paths: {
        '@krafter-push/webhooks': [join(root, 'packages/webhooks/index.ts')],
        '@krafter-push/webhooks/*': [join(root, 'packages/webhooks/*.ts')],
      },
      ...extra,
    },
  })
  writeFileSync(join(folder, 'elsewhere.d.ts'), elsewhere)
  const ts = join(folder, 'tsconfig.ts.json')
  writeFileSync(ts, JSON.stringify({ ...config(strict), include: ['*.ts'] }))
  const js = join(folder, 'tsconfig.js.json')
  const loose = { allowJs: true, checkJs: true, strict: false }
  writeFileSync(js, JSON.stringify({ ...config(loose), include: ['*.js', 'elsewhere.d.ts'] }))
  for (const project of [ts, js]) {
    const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', project], {
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  }
})

/** What snippets use and this checkout does not have. */
const elsewhere = `
declare module 'https://push.example.com/sdk/krafter-push.js' {
  export function subscribe(options: object): Promise<unknown>
  export function resume(options: object): Promise<unknown>
}
declare function importScripts(...urls: string[]): void
declare namespace Express {
  interface Request { user: { id: string } }
}
interface Element { onclick: unknown }
`
