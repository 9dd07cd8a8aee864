import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sign } from '../../packages/webhooks/index.ts'
import { snippets } from '../support/documents.ts'

/** docs/receive/verify.md: each of its receivers gets a genuine request, and others. */
const document = 'docs/receive/verify.md'
const root = fileURLToPath(new URL('../../', import.meta.url))
/** In the checkout, so that imports find what is installed here; git ignores it. */
const folder = join(root, 'node_modules/.cache/verify-snippets')
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  vi.stubEnv('KRAFTER_WEBHOOK_SECRET', secret)
})
afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true, force: true })
})

const event = {
  event: 'notification.sent',
  data: {
    notification_id: 'id',
    app_id: 'app',
    title: 'Grüße 🚀',
    sent_count: 1,
    failed_count: 0,
    pending_count: 0,
  },
} as const
const genuine = await sign(event, secret)
const old = await sign(event, secret, { now: () => new Date(Date.now() - 301_000) })

type Headers = Record<string, string>
const { 'webhook-signature': signature, ...unsigned } = genuine.headers as Headers
const { 'webhook-timestamp': _, ...undated } = genuine.headers as Headers

/** Headers, body, and whether that is genuine. */
const requests: [Headers, string, boolean][] = [
  [{ ...unsigned, 'webhook-signature': `v1,AAAA ${signature}` }, genuine.body, true],
  [genuine.headers as Headers, `${genuine.body} `, false],
  [old.headers as Headers, old.body, false],
  [{ ...(genuine.headers as Headers), 'webhook-timestamp': 'now' }, genuine.body, false],
  [undated, genuine.body, false],
  [unsigned, genuine.body, false],
]
const expected = requests.map(([, , isGenuine]) => isGenuine)

test('Node.js by hand', async () => {
  const text = snippets(document, 'js').find((code) => code.includes('isGenuine'))!
  const file = join(folder, 'by-hand.mjs')
  writeFileSync(file, text)
  const { isGenuine } = await import(file)
  expect(requests.map(([headers, raw]) => isGenuine(secret, headers, raw))).toEqual(expected)
})

interface Language {
  name: string
  /** Of its blocks. */
  fence: string
  extension: string
  version: string[]
  run: string[]
  /** A program that prints, as JSON, what the snippet says to each of the requests. Its arguments: secret, requests. */
  program: (snippet: string) => string
}

const languages: Language[] = [
  {
    name: 'Python',
    fence: 'python',
    extension: 'py',
    version: ['python3', '--version'],
    run: ['python3'],
    program: (snippet) => `${snippet}
import json, sys
print(json.dumps([is_genuine(sys.argv[1], headers, raw.encode()) for headers, raw, _ in json.loads(sys.argv[2])]))`,
  },
  {
    name: 'Go',
    fence: 'go',
    extension: 'go',
    version: ['go', 'version'],
    run: ['go', 'run'],
    // net/http takes half a minute to compile at first; of it the snippet uses the method Get of its headers.
    program: (snippet) => `${snippet
      .replace('package hooks', 'package main')
      .replace('"net/http"', '"encoding/json"; "os"')
      .replace('http.Header', 'header')}
type header map[string]string
func (h header) Get(name string) string { return h[name] }
func main() {
	var requests [][3]any
	json.Unmarshal([]byte(os.Args[2]), &requests)
	results := []bool{}
	for _, request := range requests {
		headers := header{}
		for name, value := range request[0].(map[string]any) { headers[name] = value.(string) }
		results = append(results, IsGenuine(os.Args[1], headers, []byte(request[1].(string))))
	}
	json.NewEncoder(os.Stdout).Encode(results)
}`,
  },
  {
    name: 'Ruby',
    fence: 'ruby',
    extension: 'rb',
    version: ['ruby', '--version'],
    run: ['ruby'],
    program: (snippet) => `${snippet}
require "json"
puts JSON.generate(JSON.parse(ARGV[1]).map { |headers, raw, _| genuine?(ARGV[0], headers, raw) })`,
  },
  {
    name: 'PHP',
    fence: 'php',
    extension: 'php',
    version: ['php', '--version'],
    run: ['php', '-d', 'error_reporting=-1', '-d', 'display_errors=stderr'],
    program: (snippet) => `${snippet}
echo json_encode(array_map(fn($r) => isGenuine($argv[1], $r[0], $r[1]), json_decode($argv[2], true)));`,
  },
]

for (const { name, fence, extension, version, run, program } of languages) {
  const isMissing = spawnSync(version[0]!, version.slice(1)).status !== 0
  test.skipIf(isMissing)(`${name} by hand`, () => {
    const [snippet] = snippets(document, fence)
    const file = join(folder, `by-hand.${extension}`)
    writeFileSync(file, program(snippet!))
    const [command, ...options] = run
    const printed = execFileSync(command!, [...options, file, secret, JSON.stringify(requests)], {
      encoding: 'utf8',
    })
    expect(JSON.parse(printed)).toEqual(expected)
  })
}

/** Imports a ts snippet whose server it does not start itself, with one more line. */
async function load(name: string, lastLine: string) {
  const code = snippets(document, 'ts').find((text) => text.includes(`@krafter-push/webhooks/${name}'`))!
  return loadCode(name, code, lastLine)
}

async function loadCode(name: string, code: string, lastLine: string) {
  const file = join(folder, `${name}.ts`)
  const imported = code
    .replace(/@krafter-push\/webhooks\/(\w+)/g, `${root}packages/webhooks/$1.ts`)
    .replace("'@krafter-push/webhooks'", `'${root}packages/webhooks/index.ts'`)
    .replace(/^(await )?\w+\.listen\(.*\)$/m, '')
  writeFileSync(file, `${imported}\n${lastLine}\n`)
  return import(file)
}

type Post = (path: string, init: { method: string; headers: Headers; body: string }) => Promise<Response>

/** Serves on a free port while a request is answered. */
function over(listener: RequestListener): Post {
  return async (path, init) => {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
    await answer.text()
    server.closeAllConnections()
    server.close()
    return answer
  }
}

const receivers: Record<string, () => Promise<Post>> = {
  Express: async () => over((await load('express', 'export { app }')).app),
  Fastify: async () => {
    const { fastify } = await load('fastify', 'export { fastify }')
    await fastify.ready()
    return over(fastify.routing)
  },
  Hono: async () => {
    const { default: app } = await load('hono', '')
    return (path, init) => app.request(path, init, { KRAFTER_WEBHOOK_SECRET: secret })
  },
  'Next.js': async () => {
    const { POST } = await load('next', '')
    return (path, init) => POST(new Request(`http://localhost${path}`, init))
  },
  Koa: async () => {
    const code = snippets(document, 'ts').find((text) => text.includes("from 'koa'"))!
    return over((await loadCode('koa', code, 'export { app }')).app.callback())
  },
}

test.each(Object.entries(receivers))('%s with the library', async (_name, make) => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  const post = await make()
  const results: number[] = []
  for (const [headers, body] of requests) {
    const { status } = await post('/hooks/krafter', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    results.push(status)
  }
  expect(results.map((status) => status >= 200 && status < 300)).toEqual(expected)
  expect(results.slice(1)).toEqual(results.slice(1).map(() => results[1]))
  expect(log.mock.calls.map(([line]) => line)).toEqual([expect.stringContaining(event.data.title)])
  log.mockRestore()
})
