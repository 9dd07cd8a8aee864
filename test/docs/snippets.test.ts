import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { snippets } from '../support/documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = [
  'README.md',
  ...globSync('packages/*/README.md', { cwd: root }),
  ...globSync('docs/**/*.md', { cwd: root, exclude: ['docs/adr/**'] }),
]
/** In the checkout, so that imports find what is installed here; git ignores it. */
const folder = join(root, 'node_modules/.cache/docs-snippets')

beforeAll(() => mkdirSync(folder, { recursive: true }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every ts, tsx and js snippet compiles', () => {
  let count = 0
  const write = (path: string, language: string, text: string) => {
    count++
    const name = `${path.replaceAll('/', '-')}-${count}.${language}`
    writeFileSync(join(folder, name), `${language === 'js' ? '' : declare(path, text)}${text}\nexport {}\n`)
  }
  for (const path of documents) {
    for (const language of ['ts', 'tsx', 'js']) {
      for (const text of snippets(path, language)) write(path, language, text)
    }
  }
  expect(count).toBeGreaterThan(30)
  // It would notice.
  write(client, 'ts', "// @ts-expect-error\nkrafter.notifications.create(appId, { titel: 'x' })")
  const strict = { strict: true, noImplicitAny: true }
  const source = (path: string) => [join(root, 'packages', path)]
  const config = (extra: object) => ({
    compilerOptions: {
      target: 'esnext',
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['esnext', 'dom', 'dom.iterable'],
      types: ['node'],
      jsx: 'react-jsx',
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      paths: {
        '@krafter-push/webhooks': source('webhooks/index.ts'),
        '@krafter-push/webhooks/*': source('webhooks/*.ts'),
        '@krafter-push/client': source('client/index.ts'),
        '@krafter-push/browser': source('browser/src/index.ts'),
        '@krafter-push/browser/react': source('browser/src/react.ts'),
      },
      ...extra,
    },
  })
  writeFileSync(join(folder, 'elsewhere.d.ts'), elsewhere)
  const ts = join(folder, 'tsconfig.ts.json')
  writeFileSync(ts, JSON.stringify({ ...config(strict), include: ['*.ts', '*.tsx'] }))
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

const client = 'docs/reference/client.md'

/** What the reader of a page has by then, by name: from earlier on the page, or their own. */
const known: Record<string, Record<string, string>> = {
  [client]: {
    Krafter: "import { Krafter } from '@krafter-push/client'",
    ValidationError: "import { ValidationError } from '@krafter-push/client'",
    krafter: "declare const krafter: import('@krafter-push/client').Krafter",
    appId: 'declare const appId: string',
    webhookId: 'declare const webhookId: string',
    devices: "declare const devices: AsyncIterable<import('@krafter-push/client').RegisterSubscriberRequest>",
  },
  'docs/receive/library.md': {
    ...Object.fromEntries(
      ['verify', 'verifyBatch', 'verifyKrafterSignature', 'isKnownEvent'].map((name) => [
        name,
        `import { ${name} } from '@krafter-push/webhooks'`,
      ]),
    ),
    ...Object.fromEntries(
      ['rawBody', 'secret', 'newSecret', 'oldSecret'].map((name) => [name, `declare const ${name}: string`]),
    ),
    headers: 'declare const headers: Record<string, string>',
    request: 'declare const request: Request',
    event: "declare const event: import('@krafter-push/webhooks').ReceivedEvent",
    handle: "declare function handle(event: import('@krafter-push/webhooks').ReceivedEvent): Promise<void>",
    POST: 'declare function POST(request: Request): Promise<Response>',
  },
  'docs/browser/package.md': {
    options: "declare const options: import('@krafter-push/browser').PushOptions",
    showSteps: 'declare function showSteps(steps: string[]): void',
    showBadge: 'declare function showBadge(title: string, body: string, data: object): void',
    router: 'declare const router: { push(path: string): void }',
  },
}

/** Declares what a snippet uses of that and does not declare itself. */
function declare(path: string, text: string): string {
  const lines = Object.entries(known[path] ?? {}).filter(
    ([name]) =>
      new RegExp(`\\b${name}\\b`).test(text) &&
      !new RegExp(`(const|function|import) ({[^}\\n]*\\b)?${name}\\b`).test(text),
  )
  return lines.map(([, line]) => `${line}\n`).join('')
}

/** What snippets use and this checkout does not have, or has for workers alone. */
const elsewhere = `
declare module 'https://push.example.com/sdk/krafter-push.js' {
  export function subscribe(options: object): Promise<unknown>
  export function resume(options: object): Promise<unknown>
}
declare module '@krafter-push/browser/worker' {
  export function startWorker(options: { serverUrl: string }): void
}
declare module 'redis' {
  interface Client {
    set(key: string, value: string, options: { NX: true; EX: number }): Promise<string | null>
    exists(key: string): Promise<number>
    del(key: string): Promise<number>
  }
  export function createClient(): { connect(): Promise<Client> }
}
declare function importScripts(...urls: string[]): void
declare namespace Express {
  interface Request { user: { id: string } }
}
interface Element { onclick: unknown }
`
