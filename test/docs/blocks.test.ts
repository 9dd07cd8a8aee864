import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readDocument } from '../support/documents.ts'
import { freePort } from '../support/free-port.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** The README first: its block makes what the others use. The quickstart repeats it. */
const documents = ['README.md', ...globSync('docs/**/*.md', { cwd: root, exclude: ['docs/adr/**'] }).sort()]

/** What .ci/run and tests of their own run, and what takes minutes. */
const ranElsewhere = /^npm (ci && npm (start|test)|ci && npm run bench)$/
/** What changes a machine, or goes on until Ctrl-C: marked as `console`, checked to be readable by a shell. */
const consoleOnly =
  /^(npm ci && npm pack|sudo|useradd|systemctl|journalctl|docker|kubectl|cp|cat secrets|deploy\/docker|npm install|export|npx krafter-push serve|krafter-push listen|claude)[ /]?/

const blocks = (path: string, language: string): string[] =>
  [...readDocument(path).matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, text]) => text!,
  )

let service: ServiceProcess
let folder: string
let shell: ChildProcess | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-docs-'))
  service = await startServiceProcess({ KRAFTER_DATA_DIR: join(folder, 'data') })
})

afterAll(async () => {
  // Its background jobs, too.
  if (shell?.pid) process.kill(-shell.pid, 'SIGKILL')
  await service.end('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

test('every sh block of README and docs runs, one after the other', async () => {
  const ports = { receiver: await freePort(), page: await freePort() }
  /** Other processes of this machine may have the ports that a reader's has free. */
  const here = (text: string) =>
    text
      .replaceAll('http://127.0.0.1:8080', service.url)
      .replaceAll('127.0.0.1:4000', `127.0.0.1:${ports.receiver}`)
      .replaceAll('npx node examples/receiver', `PORT=${ports.receiver} npx node examples/receiver`)
      .replaceAll('node examples/web', `PORT=${ports.page} KRAFTER_URL=${service.url} node examples/web`)
      .replaceAll('listen.log', join(folder, 'listen.log'))
      .replaceAll('sent.log', join(folder, 'sent.log'))
  const script = documents
    // The quickstart's blocks are the README's.
    .filter((path) => path !== 'docs/start/quickstart.md')
    .flatMap((path) =>
      blocks(path, 'sh')
        .filter((text) => !ranElsewhere.test(text.trim()))
        .map((text, index) => `at='${path}, block ${index + 1}'\n${here(text)}`),
    )
  // Answers of 4xx and 5xx are failures here. npx would ask the registry for a new npm.
  const prelude = `set -euo pipefail
trap 'echo "failed in $at: $BASH_COMMAND" >&2' ERR
set -E
curl() { command curl --fail-with-body "$@"; }`
  const env = { ...process.env, KRAFTER_DATA_DIR: join(folder, 'data'), KRAFTER_PUBLIC_URL: service.url }
  shell = spawn('bash', ['-c', [prelude, ...script, 'echo "all ran"'].join('\n')], {
    cwd: root,
    env,
    detached: true,
  })
  let output = ''
  for (const stream of [shell.stdout!, shell.stderr!])
    stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [code] = await once(shell, 'exit')
  expect(code, output).toBe(0)
  expect(output).toContain('all ran')
  expect(output).toContain('verified notification.sent {"notification_id":')
})

/** At a prompt, zsh runs comments as commands, and looks for files that fit a bare `?`, `*` or `[`. */
test.each([...documents, 'CONTRIBUTING.md', ...globSync('packages/*/README.md', { cwd: root })])(
  'the sh blocks of %s can be pasted into zsh, too',
  (path) => {
    for (const block of blocks(path, 'sh')) {
      const bare = block.replace(/'[^']*'|"(\\.|[^"\\])*"/g, 'text')
      expect(bare).not.toMatch(/(^|\s)#|[?*[]/m)
    }
  },
)

test('the quickstart has the blocks of the README', () => {
  const quickstart = blocks('docs/start/quickstart.md', 'sh')
  const readme = blocks('README.md', 'sh')
  for (const block of readme.slice(0, 3)) expect(quickstart).toContain(block)
  expect(quickstart.filter((block) => !readme.includes(block))).toEqual(['kill %1 %2 %3\n'])
})

test.each(documents)('the console blocks of %s are for a terminal alone, and a shell reads them', (path) => {
  for (const block of blocks(path, 'console')) {
    for (const line of block.trim().split('\n')) expect(line).toMatch(consoleOnly)
    expect(spawnSync('bash', ['-n', '-c', block]).status, block).toBe(0)
  }
})
