import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { generateKey } from '../../src/keys/key-format.ts'
import { createApi } from '../support/api.ts'
import { describeOnEachBackend, type TestStorage } from '../support/backends.ts'
import { startTestService } from '../support/service.ts'
import { type Finished, runCommand, startServiceProcess } from '../support/service-process.ts'

const lowerCaseUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const wholeKey = /kr_live_[\w-]{43}/

function expectSuccess({ code, stderr }: Finished): void {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}

describeOnEachBackend('the first key and the keys command', (make) => {
  /**
   * A service for as long as `use` takes. On PostgreSQL it is another process and the commands run beside it; the
   * embedded database has one process at a time.
   */
  async function withService(
    storage: TestStorage,
    bootstrapKey: string,
    use: (url: string) => Promise<void>,
  ): Promise<void> {
    const env = { KRAFTER_BOOTSTRAP_API_KEY: bootstrapKey }
    if (storage.backend === 'pglite') {
      const running = await startTestService(storage, env, ['api'])
      await use(running.api.url).finally(() => running.stop())
      return
    }
    const service = await startServiceProcess({ ...storage.env, ...env }, { args: ['--role', 'api'] })
    await use(service.url).finally(() => service.end('SIGTERM'))
    expect(service.output.stdout).not.toMatch(wholeKey)
    expect(service.output.stderr).toBe('')
  }

  test('keys are made, listed and revoked', { timeout: 120_000 }, async () => {
    const storage = await make()
    const bootstrapKey = generateKey()
    let made: { id: string; key: string } | undefined
    const create = async () => {
      const created = await runCommand(
        ['keys', 'create', '--json', '--name', 'ci', '--scopes', 'push:read'],
        storage.env,
      )
      expectSuccess(created)
      made = JSON.parse(created.stdout)
      expect(made).toEqual({
        id: expect.stringMatching(lowerCaseUuid),
        key: expect.stringMatching(new RegExp(`^${wholeKey.source}$`)),
      })
    }

    await withService(storage, bootstrapKey, async (url) => {
      expect((await createApi(url, bootstrapKey).post('/push/apps', { name: 'A' })).status).toBe(201)
      if (storage.backend === 'postgres') await create()
    })
    if (storage.backend === 'pglite') await create()

    // There are keys by now: one that is given later makes no other.
    const late = generateKey()
    await withService(storage, late, async (url) => {
      const reader = createApi(url, made!.key)
      expect((await reader.get('/push/apps')).body.data).toHaveLength(1)
      expect(await reader.post('/push/apps', { name: 'B' })).toMatchObject({
        status: 403,
        body: { error: 'Insufficient scope' },
      })
      expect((await createApi(url, bootstrapKey).post('/push/apps', { name: 'B' })).status).toBe(201)
      expect((await createApi(url, late).get('/push/apps')).status).toBe(401)
      if (storage.backend === 'postgres') return listAndRevoke(url)
      const refused = await runCommand(['keys', 'list'], storage.env)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toMatch(
        /^krafter-push: KRAFTER_DATA_DIR \S+ is in use by another process: [^\n]+\n$/,
      )
    })
    if (storage.backend === 'pglite') await listAndRevoke(undefined)
    await storage.drop()

    async function listAndRevoke(url: string | undefined): Promise<void> {
      const { id, key } = made!
      const listed = await runCommand(['keys', 'list', '--json'], storage.env)
      expectSuccess(listed)
      const common = {
        team: 'default',
        expires_at: null,
        revoked_at: null,
        last_used_at: expect.stringMatching(timestamp),
        created_at: expect.stringMatching(timestamp),
      }
      const firstId = expect.stringMatching(lowerCaseUuid)
      expect(JSON.parse(listed.stdout)).toEqual([
        { ...common, id: firstId, key_prefix: bootstrapKey.slice(0, 12), name: 'first', scopes: ['*'] },
        { ...common, id, key_prefix: key.slice(0, 12), name: 'ci', scopes: ['push:read'] },
      ])
      expect(listed.stdout).not.toMatch(wholeKey)

      const revoked = await runCommand(['keys', 'revoke', id, '--json'], storage.env)
      expectSuccess(revoked)
      expect(JSON.parse(revoked.stdout)).toEqual({ id, revoked: true })
      if (!url) return
      expect(await createApi(url, key).get('/push/apps')).toMatchObject({
        status: 401,
        body: { error: 'Invalid or missing API key' },
      })
      await createAndListForPeople(storage, url, made!)
    }
  })

  /** The same without `--json`, with a team and an end. */
  async function createAndListForPeople(
    storage: TestStorage,
    url: string,
    revoked: { id: string; key: string },
  ): Promise<void> {
    const created = await runCommand(
      ['keys', 'create', '--team', 'other', '--expires', '2100-01-01T00:00:00Z'],
      storage.env,
    )
    expectSuccess(created)
    const [, key, id] = /^(kr_live_[\w-]{43})\n\(id (\S+); shown once, keep it\)\n$/.exec(created.stdout)!
    expect((await createApi(url, key!).get('/push/apps')).body).toEqual({ data: [] })
    const listed = await runCommand(['keys', 'list'], storage.env)
    expectSuccess(listed)
    expect(listed.stdout.split('\n')).toEqual([
      expect.stringMatching(/^\S+ {2}kr_live_.{4}… {2}\* {2}works {2}default\/first$/),
      `${revoked.id}  ${revoked.key.slice(0, 12)}…  push:read  revoked  default/ci`,
      `${id}  ${key!.slice(0, 12)}…  *  until 2100-01-01T00:00:00Z  other/cli`,
      '',
    ])
  }

  test('a first start prints the first key, once; bad input of the command', async (context) => {
    const storage = await make()
    context.skip(storage.backend === 'pglite', 'the database makes no difference')
    const service = await startServiceProcess(storage.env, { args: ['--role', 'api'] })
    onTestFinished(async () => {
      await service.end('SIGKILL')
      await storage.drop()
    })
    expect(service.output.stdout).toMatch(/^API key \(shown once, keep it\): kr_live_[\w-]{43}$/m)
    expect((await createApi(service.url, service.key!).post('/push/apps', { name: 'A' })).status).toBe(201)
    const cases: [string[], RegExp][] = [
      [['keys', 'revoke', randomUUID()], /^krafter-push: there is no key \S+: [^\n]+\n$/],
      [
        ['keys', 'create', '--scopes', 'push:all'],
        /^krafter-push: --scopes: "push:all" is none of [^\n]+\n$/,
      ],
      [['keys', 'create', '--expires', 'soon'], /^krafter-push: --expires: "soon" is no moment [^\n]+\n$/],
    ]
    await Promise.all(
      cases.map(async ([args, sentence]) => {
        const finished = await runCommand(args, storage.env)
        expect(finished).toMatchObject({ code: 1, stdout: '' })
        expect(finished.stderr).toMatch(sentence)
      }),
    )
    expect(await service.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(service.output.stdout.match(/kr_live_/g)).toHaveLength(1)
    expect(service.output.stderr).toBe('')
  })
})
