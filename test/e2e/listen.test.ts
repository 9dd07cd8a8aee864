import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { generateKey } from '../../src/access/key-format.ts'
import { version } from '../../src/version.ts'
import { poll } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { makeKey } from '../support/keys.ts'
import { type LocalServer, startLocalServer } from '../support/local-server.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { type RunningCommand, runCommand, startCommand } from '../support/service-process.ts'

const streams = { pollMs: 20, sweepMs: 40 }

describeOnEachBackend('the listen command', (make) => {
  let storage: TestStorage
  let running: TestService
  let local: LocalServer
  let commands: RunningCommand[] = []

  beforeAll(async () => {
    storage = await make()
    ;[running, local] = await Promise.all([
      // It comes back at its port, which nobody takes meanwhile.
      startTestService(storage, { PORT: String(await freePort()) }, undefined, { streams }),
      startLocalServer(),
    ])
  })

  afterAll(async () => {
    await running.stop()
    await local.stop()
    await storage.drop()
  })

  beforeEach(() => {
    local.requests.length = 0
    local.answer = (_, response) => void response.writeHead(204).end()
  })

  afterEach(async () => {
    for (const command of commands) command.kill('SIGKILL')
    await Promise.all(commands.map(({ finished }) => finished))
    commands = []
  })

  /** A secret never stands on the command line. */
  const makeSecretFile = async (secret: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 })
    return join(folder, 'secret')
  }

  /** Starts it and waits until it listens. */
  const listen = async (args: string[] = []) => {
    const command = startCommand(['listen', '--forward', `${local.url}/hook?a=1`, ...args], {
      KRAFTER_API_KEY: running.api.key,
      KRAFTER_PUBLIC_URL: running.api.url,
    })
    commands.push(command)
    await poll(
      async () => command.output.stdout + command.output.stderr,
      (text) => /Ctrl-C ends it\n|"listening"/.test(text),
      60_000,
    )
    return command
  }
  const received = (count: number) =>
    poll(
      async () => local.requests,
      (requests) => requests.length >= count,
    )
  const lines = (command: RunningCommand, count: number) =>
    poll(
      async () => command.output.stdout.trim().split('\n'),
      ({ length }) => length >= count,
    )
  const makeApp = async (name: string): Promise<string> =>
    (await running.api.post('/push/apps', { name })).body.data.id

  test('events come to this machine as deliveries would, and are shown with what was answered', async () => {
    const app = (await running.api.get('/push/apps')).body.data[0]?.id ?? (await makeApp('only'))
    const command = await listen()
    const { stdout } = command.output
    expect(stdout).toContain(`Listening to the events of only (${app}) at ${running.api.url}\n`)
    const [secret] = /whsec_\S+/.exec(stdout)!
    await emit(running.service, app)
    const [request] = await received(1)
    expect(request).toMatchObject({
      method: 'POST',
      path: '/hook?a=1',
      headers: {
        'content-type': 'application/json',
        'user-agent': `Krafter-Push/${version}`,
        'x-krafter-event': 'notification.sent',
        'x-krafter-webhook-id': expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4/),
        'x-krafter-signature': expect.stringMatching(/^sha256=[\da-f]{64}$/),
      },
    })
    const body = new Webhook(secret!).verify(request!.body, request!.headers) as { id: string }
    expect(request!.headers['webhook-id']).toBe(body.id)
    const [row] = await running.service.deps.db
      .selectFrom('events')
      .select('body')
      .where('app_id', '=', app)
      .execute()
    expect(request!.body).toBe(row!.body)

    // What fails is shown and not tried again; a redirect is not followed.
    local.answer = (_, response) => void response.writeHead(302, { location: `${local.url}/elsewhere` }).end()
    await emit(running.service, app)
    await received(2)
    await lines(command, 6)
    local.answer = (_, response) => void response.destroy()
    await emit(running.service, app)
    const shown = (await lines(command, 7)).slice(-3)
    const line = (what: string) =>
      expect.stringMatching(
        new RegExp(
          `^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ  notification\\.sent +${what}  \\d+ ms  [\\da-f-]{36}$`,
        ),
      )
    expect(shown).toEqual([line('204'), line('302'), line('[^0-9].*')])
    expect(local.requests.map(({ path }) => path)).toEqual(Array(3).fill('/hook?a=1'))
    command.kill('SIGINT')
    expect(await command.finished).toMatchObject({ code: 0, signal: null, stderr: '' })
  })

  test('goes on where it was when the service comes back; with --json, --events and a secret of ours', async () => {
    const app = await makeApp('restarted')
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const command = await listen([
      '--json',
      '--app',
      app,
      '--events',
      'notification.sent,notification.clicked',
      '--secret-file',
      await makeSecretFile(secret),
    ])
    await emit(running.service, app, 2)
    await emit(running.service, app, 1, 'subscriber.registered')
    await received(2)
    const { port } = new URL(running.api.url)
    await running.stop()
    running = await startTestService(
      storage,
      { PORT: port, KRAFTER_BOOTSTRAP_API_KEY: running.api.key },
      undefined,
      { streams },
    )
    await emit(running.service, app, 600, 'notification.clicked')
    const requests = await received(602)
    for (const { body, headers } of requests) new Webhook(secret).verify(body, headers)
    const shown = (await lines(command, 602)).map((line) => JSON.parse(line))
    const wanted = await running.service.deps.db
      .selectFrom('events')
      .select('id')
      .where('app_id', '=', app)
      .where('type', '!=', 'subscriber.registered')
      .execute()
    // Each once.
    expect(shown.map(({ id }) => id).sort()).toEqual(wanted.map(({ id }) => id).sort())
    expect(shown[0]).toEqual({
      at: expect.any(String),
      id: expect.any(String),
      event: 'notification.sent',
      status: 204,
      error: null,
      ms: expect.any(Number),
    })
    command.kill('SIGTERM')
    const { code, stderr } = await command.finished
    expect(code).toBe(0)
    const states = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(states[0]).toEqual({
      state: 'listening',
      service: running.api.url,
      app: { id: app },
      to: expect.any(String),
    })
    expect(states.map(({ state }) => state)).toEqual(expect.arrayContaining(['cut', 'reconnected']))
  })

  test('what cannot work is said in one sentence', async (context) => {
    context.skip(storage.backend === 'pglite', 'the database makes no difference')
    await makeApp('first')
    const second = await makeApp('second')
    const forward = ['--forward', local.url]
    const writer = await makeKey(running, { scopes: ['push:write'] })
    const cases: [string[], RegExp][] = [
      [forward, /^krafter-push: there are several apps, choose one with --app: [^\n]*\(second\)[^\n]*\n$/],
      [
        [...forward, '--app', randomUUID()],
        /^krafter-push: --app: there is no app \S+ for this API key at [^\n]+\n$/,
      ],
      [
        [...forward, '--app', second, '--key-file', await makeSecretFile(generateKey())],
        /^krafter-push: \S+ does not accept the API key: [^\n]+\n$/,
      ],
      [
        [...forward, '--app', second, '--key-file', await makeSecretFile(writer.key)],
        /^krafter-push: the API key lacks the scope push:read: [^\n]+\n$/,
      ],
      [
        [...forward, '--app', second, '--events', 'nothing'],
        /^krafter-push: --events has an unknown event: "nothing"\n$/,
      ],
      [
        [...forward, '--url', 'http://127.0.0.1:65535'],
        /^krafter-push: the service at http:\/\/127\.0\.0\.1:65535 cannot be used: [^\n]*ECONNREFUSED[^\n]*\n$/,
      ],
      [[...forward, '--url', local.url], /^krafter-push: --url: \S+ is not a Krafter Push service\n$/],
      [['--forward', 'localhost:3000'], /^krafter-push: --forward must be an http:\/\/ or https:\/\/ URL\n$/],
    ]
    local.answer = (_, response) => void response.writeHead(404).end()
    for (const [args, sentence] of cases) {
      const finished = await runCommand(['listen', ...args], {
        KRAFTER_API_KEY: running.api.key,
        KRAFTER_PUBLIC_URL: running.api.url,
      })
      expect(finished).toMatchObject({ code: 1, stdout: '' })
      expect(finished.stderr).toMatch(sentence)
    }
  })
})
