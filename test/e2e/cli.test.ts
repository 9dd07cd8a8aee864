import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completionScript } from '../../src/cli/completion.ts'
import { checkOutboundReach, checkTls, checkVapidSubject } from '../../src/cli/doctor/check-network.ts'
import { judgeClock } from '../../src/cli/doctor/finding.ts'
import { createProgram } from '../../src/cli/program.ts'
import { createReadableLogger } from '../../src/cli/terminal-log.ts'
import { effectiveSettings } from '../../src/config/effective-config.ts'
import { readSecretFiles } from '../../src/config/secret-files.ts'
import { version } from '../../src/version.ts'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startReceiver } from '../support/receiver.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { type Finished, runCommand } from '../support/service-process.ts'

describe('the commands that ask a service', () => {
  let storage: TestStorage
  let running: TestService
  let receiver: Awaited<ReturnType<typeof startReceiver>>

  beforeAll(async () => {
    storage = makeDataFolder()
    ;[running, receiver] = await Promise.all([startTestService(storage), startReceiver()])
  })

  afterAll(async () => {
    await Promise.all([running.stop(), receiver.stop()])
    await storage.drop()
  })

  const run = (...args: string[]): Promise<Finished> =>
    runCommand(args, { KRAFTER_API_KEY: running.api.key, KRAFTER_PUBLIC_URL: running.api.url })
  const succeed = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stderr }, args.join(' ')).toEqual({ code: 0, stderr: '' })
    return JSON.parse(stdout)
  }

  test('manage apps, webhooks, subscribers and deliveries, and send', async () => {
    const app = await succeed('apps', 'create', 'Shop', '--json')
    const [webhook, apps] = await Promise.all([
      succeed('webhooks', 'create', `${receiver.origin}/hook`, '--events', 'notification.sent', '--json'),
      run('apps', 'list'),
    ])
    expect(apps.stdout).toMatch(/^ID +NAME +SUBSCRIBER COUNT +CREATED AT\n\S+ +Shop +0 +\S+Z\n$/)
    expect(webhook).toMatchObject({ app_id: app.id, enabled: true, events: ['notification.sent'] })

    const sent = await succeed('send', '--title', 'Hello', '--all', '--wait', '--json')
    expect(sent).toMatchObject({ title: 'Hello', status: 'sent', targeting: { type: 'all' } })
    await receiver.waitFor(1, '/hook')
    const [tested, deliveries, subscribers] = await Promise.all([
      succeed('test', '--json'),
      succeed('deliveries', 'list', '--json'),
      run('subscribers', 'list'),
    ])
    expect(tested).toMatchObject({ status: 204, error: null })
    expect(deliveries).toMatchObject([{ event: 'notification.sent', webhook_id: webhook.id }])
    expect(subscribers).toMatchObject({ code: 0, stdout: 'none\n' })

    const again = await succeed('replay', '--delivery', deliveries[0].id, '--json')
    expect(again.event_id).toBe(deliveries[0].event_id)
    const [replay, shown] = await Promise.all([
      succeed('replay', webhook.id, '--since', '2026-01-01T00:00:00Z', '--json'),
      succeed('deliveries', 'show', deliveries[0].id, '--json'),
    ])
    expect(replay).toMatchObject({ webhook_id: webhook.id })
    expect((await succeed('webhooks', 'disable', '--json')).enabled).toBe(false)
    expect(shown.attempts).toHaveLength(1)
  })

  test('say in one sentence what is wrong, and exit 2 where the command line is', async () => {
    const cases: [args: string[], code: number, sentence: RegExp][] = [
      [['send', '--title', 'x'], 2, /choose who gets it with one of --all, --users, --tags or --platforms/],
      [['send', '--all'], 2, /required option '--title <text>' not specified/],
      [['sevre'], 2, /unknown command 'sevre' \(Did you mean serve\?\)/],
      [['apps', 'list', '--limit', 'many'], 2, /argument 'many' is invalid\. It must be a whole number/],
      [['subscribers', 'list', '--status', 'asleep'], 1, /422.*status/],
      [['apps', 'list', '--url', 'http://127.0.0.1:1'], 1, /127\.0\.0\.1:1|connect|reached/],
      [['serve', '--port', 'many'], 2, /--port must be a whole number from 0 to 65535/],
      [['replay'], 2, /choose what to deliver again/],
    ]
    await Promise.all(
      cases.map(async ([args, code, sentence]) => {
        const finished = await run(...args)
        expect(finished, args.join(' ')).toMatchObject({ code, stdout: '' })
        expect(finished.stderr).toMatch(
          code === 2
            ? /^krafter-push: [^\n]+\nHow to use it: krafter-push [^\n]*--help\n$/
            : /^krafter-push: [^\n]+\n$/,
        )
        expect(finished.stderr).toMatch(sentence)
      }),
    )
    const without = await runCommand(['apps', 'list'])
    expect(without.stderr).toMatch(/^krafter-push: an API key is needed: set KRAFTER_API_KEY/)
  })

  test('/ shows a browser where to go, and other clients the usual 404', async () => {
    const ask = (accept: string) => fetch(`${running.api.url}/`, { headers: { accept } })
    const page = await ask('text/html,application/xhtml+xml')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const links = [...(await page.text()).matchAll(/href="([^"]+)"/g)].map(([, path]) => path!)
    expect(links).toEqual(['docs/guide/', 'docs/', 'openapi.json', 'readyz'])
    for (const path of links) expect((await fetch(`${running.api.url}/${path}`)).status, path).toBe(200)
    expect((await ask('application/json')).status).toBe(404)
  })

  test('doctor asks a running service, and says what it found', async () => {
    const { stdout } = await runCommand(['doctor', '--json'], storage.env)
    const found = JSON.parse(stdout) as { check: string; state: string }[]
    expect(found).toContainEqual(expect.objectContaining({ check: 'database', state: 'ok' }))
    expect(found).toContainEqual(expect.objectContaining({ check: 'VAPID subject', state: 'warning' }))
  })
})

test('--version and -v; config masks secrets and says where values are from', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  const file = join(folder, 'key')
  const key = Buffer.alloc(32, 7).toString('base64')
  writeFileSync(file, `${key}\n`)
  const env = { KRAFTER_ENCRYPTION_KEY_FILE: file, KRAFTER_LOG_LEVEL: 'warn' }
  const [long, short, config] = await Promise.all([
    runCommand(['--version']),
    runCommand(['-v']),
    runCommand(['config', '--port', '9000', '--json'], env),
  ])
  expect([long.stdout, short.stdout]).toEqual([`${version}\n`, `${version}\n`])
  expect(config.stdout).not.toContain(key)
  const settings = Object.fromEntries(
    JSON.parse(config.stdout).map(({ name, value, from }: Record<string, string>) => [name, [value, from]]),
  )
  expect(settings).toMatchObject({
    PORT: ['9000', 'option'],
    HOST: ['127.0.0.1', 'default'],
    KRAFTER_LOG_LEVEL: ['warn', 'variable'],
    KRAFTER_ENCRYPTION_KEY: ['••••', 'file'],
    DATABASE_URL: [null, 'unset'],
  })
  rmSync(folder, { recursive: true })
})

test('no secret is shown by config, and none is given twice', () => {
  const shown = effectiveSettings({
    DATABASE_URL: 'postgres://user:hunter2@db/push?password=hunter2',
    KRAFTER_OUTBOUND_PROXY: 'http://user:hunter2@proxy:3128',
    KRAFTER_ALERT_WEBHOOK_URL: 'https://hooks.example/hunter2',
    KRAFTER_BOOTSTRAP_API_KEY: 'hunter2',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=hunter2',
  })
  expect(JSON.stringify(shown)).not.toContain('hunter2')
  expect(() => readSecretFiles({ DATABASE_URL: 'a', DATABASE_URL_FILE: 'b' })).toThrow('are both set')
  expect(() => readSecretFiles({ DATABASE_URL_FILE: '/nowhere' })).toThrow(
    'DATABASE_URL_FILE /nowhere cannot be read',
  )
})

test('completion knows every command, and bash completes with it', () => {
  const program = createProgram()
  for (const shell of ['bash', 'zsh', 'fish']) {
    for (const { name } of program.commands.map((command) => ({ name: command.name() }))) {
      expect(completionScript(shell, program)).toContain(name)
    }
  }
  expect(() => completionScript('tcsh', program)).toThrow('cannot complete for "tcsh"')
  const complete = (...words: string[]) =>
    execFileSync('bash', [
      '-c',
      `${completionScript('bash', program)}
COMP_WORDS=(krafter-push ${words.map((word) => `"${word}"`).join(' ')}); COMP_CWORD=${words.length}; _krafter_push; echo "\${COMPREPLY[*]}"`,
    ])
      .toString()
      .trim()
  expect(complete('ser')).toBe('serve')
  expect(complete('keys', '')).toContain('create list revoke')
  expect(complete('keys', 'revoke', 'some-id', '--j')).toBe('--json')
})

test('logs at a terminal are lines for people', async () => {
  const stream = new PassThrough()
  const log = await createReadableLogger('info', stream)
  log.info({ url: 'http://127.0.0.1:8080' }, 'service.started')
  expect(String(stream.read())).toMatch(/INFO.*service\.started.*http:\/\/127\.0\.0\.1:8080/)
})

test('the checks of doctor', async () => {
  expect([0, 20, -400].map((off) => judgeClock(off, 'x').state)).toEqual(['ok', 'warning', 'failed'])
  expect(checkVapidSubject({ vapidSubject: undefined }).state).toBe('warning')
  const [unreachable] = await checkOutboundReach({ outboundProxy: undefined }, ['https://127.0.0.1:1'])
  expect(unreachable).toMatchObject({ check: 'way out', state: 'failed' })
  const tls = (publicUrl?: string) => checkTls({ publicUrl }).then(({ state }) => state)
  expect([await tls(), await tls('http://push.example'), await tls('http://localhost:8080')]).toEqual([
    'warning',
    'warning',
    'ok',
  ])
  expect(await tls('https://127.0.0.1:1')).toBe('failed')
})
