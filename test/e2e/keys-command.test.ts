import { randomUUID } from 'node:crypto'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, onTestFinished, test } from 'vitest'
import { generateKey } from '../../src/access/key-format.ts'
import { listKeys } from '../../src/access/key-store.ts'
import { createApi } from '../support/api.ts'
import { makeDatabase, makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService } from '../support/service.ts'
import { runCommand, type ServiceProcess, startServiceProcess } from '../support/service-process.ts'

const lowerCaseUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const wholeKey = /kr_live_[\w-]{43}/

const unauthorized = { status: 401, body: { error: 'Invalid or missing API key' } }
const insufficientScope = { status: 403, body: { error: 'Insufficient scope' } }

/** Runs a command that must succeed, and returns what it printed. */
async function succeed(storage: TestStorage, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(args, storage.env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}

async function createForMachine(storage: TestStorage): Promise<{ id: string; key: string }> {
  const made = JSON.parse(
    await succeed(storage, 'keys', 'create', '--json', '--name', 'ci', '--scopes', 'push:read'),
  )
  expect(made).toEqual({
    id: expect.stringMatching(lowerCaseUuid),
    key: expect.stringMatching(new RegExp(`^${wholeKey.source}$`)),
  })
  return made
}

test('the embedded database: while the service is stopped, and beside it', async () => {
  const storage = makeDataFolder()
  const bootstrapKey = generateKey()
  const first = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: bootstrapKey }, ['api'])
  expect(first.service.firstKey).toBe(bootstrapKey)
  const { api } = first
  expect((await api.post('/push/apps', { name: 'A' })).status).toBe(201)
  const [firstKey] = await listKeys(first.service.deps.db)
  expect(firstKey).toMatchObject({ name: 'first', team: 'default', scopes: ['*'], expiresAt: null })
  await first.stop()
  expect(existsSync(controlSocket(storage))).toBe(false)

  // A service that was killed leaves its socket, on which nobody answers.
  writeFileSync(controlSocket(storage), '')
  const made = await createForMachine(storage)
  expect(await succeed(storage, 'keys', 'revoke', firstKey!.id)).toBe(`revoked ${firstKey!.id}\n`)

  // There are keys, if only revoked ones among them: one that is given later is not made.
  const late = generateKey()
  const second = await startTestService(storage, { KRAFTER_BOOTSTRAP_API_KEY: late }, ['api'])
  expect(second.service.firstKey).toBeUndefined()
  const reader = createApi(second.api.url, made.key)
  expect((await reader.get('/push/apps')).body.data).toHaveLength(1)
  expect(await reader.post('/push/apps', { name: 'B' })).toMatchObject(insufficientScope)
  for (const key of [bootstrapKey, late]) {
    expect(await second.api.withKey(key).get('/push/apps')).toMatchObject(unauthorized)
  }

  // From here on the service has the folder, and does it for the command.
  expect(statSync(controlSocket(storage)).mode & 0o777).toBe(0o600)
  const end = '2100-01-01T00:00:00Z'
  const beside = JSON.parse(await succeed(storage, 'keys', 'create', '--json', '--expires', end))
  const other = createApi(second.api.url, beside.key)
  expect((await other.get('/push/apps')).body.data).toHaveLength(1)
  const [listed, revoked, unknown] = await Promise.all([
    succeed(storage, 'keys', 'list'),
    succeed(storage, 'keys', 'revoke', made.id.toUpperCase()),
    runCommand(['keys', 'revoke', randomUUID()], storage.env),
  ])
  expect(listed.split('\n')).toEqual([
    expect.stringMatching(/^\S+ {2}kr_live_.{4}… {2}\* {2}revoked {2}default\/first$/),
    expect.stringMatching(new RegExp(`^${made.id} {2}kr_live_.{4}… {2}push:read {2}\\S+ {2}default/ci$`)),
    `${beside.id}  ${beside.key.slice(0, 12)}…  *  until ${end}  default/cli`,
    '',
  ])
  expect(revoked).toBe(`revoked ${made.id.toUpperCase()}\n`)
  expect(await reader.get('/push/apps')).toMatchObject(unauthorized)
  expect(unknown).toMatchObject({ code: 1, stdout: '' })
  expect(unknown.stderr).toMatch(/^krafter-push: there is no key \S+: [^\n]+\n$/)
  expect(second.logs.filter(({ level }) => level === 'error')).toEqual([])
  await second.stop()
  await storage.drop()
})

const controlSocket = ({ env }: TestStorage) => join(env.KRAFTER_DATA_DIR!, 'control.sock')

const { url, reason } = inject('postgres')
const onPostgres = url ? test : test.skip
const title = (name: string) => (url ? `PostgreSQL: ${name}` : `PostgreSQL: ${name}: ${reason}`)

async function serve(env: Record<string, string>): Promise<[TestStorage, ServiceProcess]> {
  const storage = await makeDatabase()
  const service = await startServiceProcess({ ...storage.env, ...env }, { args: ['--role', 'api'] })
  onTestFinished(async () => {
    await service.end('SIGKILL')
    await storage.drop()
  })
  return [storage, service]
}

onPostgres(title('beside the service, at once'), async () => {
  const bootstrapKey = generateKey()
  const [storage, service] = await serve({ KRAFTER_BOOTSTRAP_API_KEY: bootstrapKey })
  expect((await createApi(service.url, bootstrapKey).get('/push/apps')).status).toBe(200)

  const made = await createForMachine(storage)
  const reader = createApi(service.url, made.key)
  expect((await reader.get('/push/apps')).status).toBe(200)
  expect(await reader.post('/push/apps', { name: 'A' })).toMatchObject(insufficientScope)

  const listed = await succeed(storage, 'keys', 'list', '--json')
  const common = {
    team: 'default',
    expires_at: null,
    revoked_at: null,
    last_used_at: expect.stringMatching(timestamp),
    created_at: expect.stringMatching(timestamp),
  }
  const id = expect.stringMatching(lowerCaseUuid)
  expect(JSON.parse(listed)).toEqual([
    { ...common, id, key_prefix: bootstrapKey.slice(0, 12), name: 'first', scopes: ['*'] },
    { ...common, id: made.id, key_prefix: made.key.slice(0, 12), name: 'ci', scopes: ['push:read'] },
  ])
  expect(listed).not.toMatch(wholeKey)

  expect(JSON.parse(await succeed(storage, 'keys', 'revoke', made.id, '--json'))).toEqual({
    id: made.id,
    revoked: true,
  })
  expect(await reader.get('/push/apps')).toMatchObject(unauthorized)

  const end = '2100-01-01T00:00:00Z'
  const created = await succeed(storage, 'keys', 'create', '--team', 'other', '--expires', end)
  const [, key, otherId] = /^(kr_live_[\w-]{43})\n\(id (\S+); shown once, keep it\)\n$/.exec(created)!
  expect((await createApi(service.url, key!).get('/push/apps')).body).toEqual({ data: [], next_cursor: null })
  expect((await succeed(storage, 'keys', 'list')).split('\n')).toEqual([
    expect.stringMatching(/^\S+ {2}kr_live_.{4}… {2}\* {2}works {2}default\/first$/),
    `${made.id}  ${made.key.slice(0, 12)}…  push:read  revoked  default/ci`,
    `${otherId}  ${key!.slice(0, 12)}…  *  until ${end}  other/cli`,
    '',
  ])

  expect(await service.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(service.output.stdout).toContain('as given in KRAFTER_BOOTSTRAP_API_KEY')
  expect(service.output.stdout).not.toMatch(wholeKey)
  expect(service.output.stderr).toBe('')
})

onPostgres(title('a first start prints its key, once; bad input of the command'), async () => {
  const [storage, service] = await serve({})
  expect(service.output.stdout).toMatch(/^API key \(shown once, keep it\): kr_live_[\w-]{43}$/m)
  expect((await createApi(service.url, service.key!).post('/push/apps', { name: 'A' })).status).toBe(201)
  const cases: [string[], number, RegExp][] = [
    [['keys', 'revoke', randomUUID()], 1, /^krafter-push: there is no key \S+: [^\n]+\n$/],
    [
      ['keys', 'create', '--scopes', 'push:all'],
      2,
      /^krafter-push: --scopes: "push:all" is not one of [^\n]+\nHow to use it: [^\n]+\n$/,
    ],
    [
      ['keys', 'create', '--expires', 'soon'],
      2,
      /^krafter-push: --expires: "soon" is not a time [^\n]+\nHow to use it: [^\n]+\n$/,
    ],
  ]
  await Promise.all(
    cases.map(async ([args, code, sentence]) => {
      const finished = await runCommand(args, storage.env)
      expect(finished).toMatchObject({ code, stdout: '' })
      expect(finished.stderr).toMatch(sentence)
    }),
  )
  expect(await service.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(service.output.stdout.match(/kr_live_/g)).toHaveLength(1)
  expect(service.output.stderr).toBe('')
})
