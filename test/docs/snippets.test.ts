import { execFileSync, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readDocument } from '../support/documents.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root, exclude: ['docs/adr/**'] })]
/** In the checkout, so that imports find what is installed here; git ignores it. */
const folder = join(root, 'node_modules/.cache/docs-snippets')

const snippets = (path: string, language: string): string[] =>
  [...readDocument(path).matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, indent, text]) => text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

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
declare module 'koa' {
  import type { IncomingMessage, ServerResponse } from 'node:http'
  interface Context { path: string; respond: boolean; req: IncomingMessage; res: ServerResponse }
  export default class Koa {
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): this
    listen(port: number): unknown
  }
}
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

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

function signed(body: string, at = Math.floor(Date.now() / 1_000)) {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = createHmac('sha256', key).update(`id.${at}.${body}`).digest('base64')
  return {
    'webhook-id': 'id',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,AAAA v1,${signature}`,
  }
}

const body = '{"event":"notification.sent","title":"Grüße"}'
const old = Math.floor(Date.now() / 1_000) - 301
/** Headers, body, and whether that is genuine. */
const requests: [object, string, boolean][] = [
  [signed(body), body, true],
  [signed(body), `${body} `, false],
  [signed(body, old), body, false],
  [{ ...signed(body), 'webhook-timestamp': 'now' }, body, false],
]

test('the Node.js snippet tells genuine requests from others', async () => {
  const text = snippets('docs/receive/verify.md', 'js').find((code) => code.includes('isGenuine'))!
  const file = join(folder, 'by-hand.mjs')
  writeFileSync(file, text)
  const { isGenuine } = await import(file)
  for (const [headers, raw, genuine] of requests) expect(isGenuine(secret, headers, raw)).toBe(genuine)
})

const hasPython = spawnSync('python3', ['--version']).status === 0

test.skipIf(!hasPython)('the Python snippet tells genuine requests from others', () => {
  const [code] = snippets('docs/receive/verify.md', 'python')
  const call = `
import json, sys
print(json.dumps([is_genuine(sys.argv[1], headers, raw.encode()) for headers, raw, _ in json.loads(sys.argv[2])]))`
  const printed = execFileSync('python3', ['-c', code + call, secret, JSON.stringify(requests)], {
    encoding: 'utf8',
  })
  expect(JSON.parse(printed)).toEqual(requests.map(([, , genuine]) => genuine))
})
