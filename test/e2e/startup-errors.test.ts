import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startService } from '../../src/app.ts'
import { environment, readConfig } from '../../src/config/config.ts'
import { ConfigError } from '../../src/platform/config-error.ts'
import { lockDataFolder } from '../../src/platform/db/data-folder.ts'
import { openEmbedded } from '../../src/platform/db/open-database.ts'
import { createLogger } from '../../src/platform/log.ts'
import { makeDatabase, makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService } from '../support/service.ts'
import { runCommand, startCommand } from '../support/service-process.ts'

const password = 'hunter2-hunter2'
const encryptionKey = Buffer.alloc(32, 1).toString('base64')
const otherEncryptionKey = Buffer.alloc(32, 2).toString('base64')

/** Where nothing is to be made. */
const untouched = join(tmpdir(), `krafter-push-untouched-${randomBytes(6).toString('hex')}`)

/**
 * Runs `krafter-push serve`, which must end by itself.
 *
 * @returns the one sentence that it said
 */
async function refusalOf(env: Record<string, string>, args: string[] = ['serve']): Promise<string> {
  const { code, signal, stdout, stderr } = await runCommand(args, {
    KRAFTER_DATA_DIR: untouched,
    PORT: '0',
    ...env,
  })
  expect({ code, signal, stdout, stderr }).toEqual({
    code: 1,
    signal: null,
    // Where there is no database yet.
    stdout: expect.stringMatching(/^(Preparing the database \(first start only\)… [^\n]+\n)?$/),
    stderr: expect.stringMatching(/^krafter-push: [^\n]+\n$/),
  })
  for (const secret of [password, encryptionKey, otherEncryptionKey]) expect(stderr).not.toContain(secret)
  return stderr.slice('krafter-push: '.length, -1)
}

/**
 * Starts the service in this process, which must fail.
 *
 * @returns what the command says, as refusalOf shows for one of each kind: a process for each case would take seconds
 */
async function refusalInPlaceOf(env: Record<string, string>): Promise<string> {
  const config = readConfig({ KRAFTER_DATA_DIR: untouched, PORT: '0', ...env })
  const error = await startService(config, { log: createLogger('silent') }).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConfigError)
  const { message } = error as ConfigError
  expect(message).toMatch(/^[^\n]+$/)
  for (const secret of [password, encryptionKey, otherEncryptionKey]) expect(message).not.toContain(secret)
  return message
}

describe('a variable that is wrong', () => {
  const number = (min: number, max: number) => `must be a whole number from ${min} to ${max}`
  const networks = 'must be a comma-separated list of CIDR networks, and "127.0.0.1" is not one'
  const proxy = 'must be an http:// or https:// URL, with or without a user name and password'
  const encoded = 'must have its user name and password percent-encoded'
  const servers =
    'must be a comma-separated list of addresses, each with or without a port (127.0.0.1:53, [::1]:53)'
  const waits = 'must be at most 20 comma-separated waits in seconds, each from 0 to 604800'
  const key = 'must be a comma-separated list of keys, each 32 bytes in base64 (openssl rand -base64 32)'
  const databaseUrl = 'must be a postgres:// URL'
  const subject = 'must name a public domain: Apple refuses localhost, .local and .invalid'
  const hosts = 'must be a comma-separated list of host names, *.example.com or *, and "one two" is not one'
  const otlpHeaders = 'must be name=value pairs, separated by commas, the values percent-encoded'
  const cases: [name: string, value: string, message: string][] = [
    ['PORT', '65536', number(0, 65_535)],
    ['KRAFTER_METRICS_PORT', '65536', number(0, 65_535)],
    ['HOST', 'not a host', 'must be an address or a host name'],
    ['DATABASE_URL', `mysql://user:${password}@127.0.0.1/db`, databaseUrl],
    ['KRAFTER_DATABASE_CONNECTIONS', '3', number(4, 1_000)],
    ['KRAFTER_STATEMENT_TIMEOUT_MS', '10s', number(100, 600_000)],
    ['KRAFTER_ENCRYPTION_KEY', `${encryptionKey},${password}`, key],
    ['KRAFTER_PUBLIC_URL', 'push.example', 'must be an http:// or https:// URL'],
    ['KRAFTER_ALLOW_NETWORKS', '10.0.0.0/8,127.0.0.1', networks],
    ['KRAFTER_ALERT_WEBHOOK_URL', 'http://alerts.example/', 'must be an https:// URL'],
    ['KRAFTER_OUTBOUND_PROXY', `socks://user:${password}@127.0.0.1`, proxy],
    ['KRAFTER_OUTBOUND_PROXY', `http://user:${password}%@127.0.0.1`, encoded],
    ['KRAFTER_OUTBOUND_PROXY', `http://user%4:1${password}@127.0.0.1`, encoded],
    ['KRAFTER_DNS_SERVERS', '127.0.0.1:53,one.example', servers],
    ['KRAFTER_ALERT_WEBHOOK_URL', 'http://ops.example/', 'must be an https:// URL'],
    ['KRAFTER_MAX_WEBHOOKS_PER_APP', '0', number(1, 10_000)],
    ['KRAFTER_MAX_FILTER_BYTES', '1 MB', number(64, 65_536)],
    ['KRAFTER_TRUST_PROXY', '127.0.0.1', networks],
    ['KRAFTER_RETRY_SCHEDULE', '1,soon', waits],
    ['KRAFTER_DELIVERY_TIMEOUT_MS', '99', number(100, 60_000)],
    ['KRAFTER_DISABLE_AFTER', '1h', number(0, 31_536_000)],
    ['KRAFTER_ALERT_WEBHOOK_URL', 'http://ops.example', 'must be an https:// URL'],
    ['KRAFTER_MAX_CONNECTIONS', '9', number(10, 1_000_000)],
    ['KRAFTER_MAX_STREAMS', '0', number(1, 10_000)],
    ['KRAFTER_MAX_STREAMS_PER_TEAM', '0', number(1, 10_000)],
    ['KRAFTER_REQUEST_TIMEOUT_MS', '99', number(100, 600_000)],
    ['KRAFTER_MAX_WEBHOOKS_PER_APP', '0', number(1, 10_000)],
    ['KRAFTER_MAX_FILTER_BYTES', '63', number(64, 65_536)],
    ['KRAFTER_PUSH_MAX_AGE', '1', number(60, 2_419_200)],
    ['KRAFTER_SENT_AFTER', '0', number(1, 86_400)],
    ['KRAFTER_RETENTION_DAYS', '1', number(8, 3_650)],
    ['KRAFTER_RATE_LIMIT_DEFAULT', '-1', number(0, 1_000_000_000)],
    ['KRAFTER_RATE_LIMIT_STRICT', '1.5', number(0, 1_000_000_000)],
    ['KRAFTER_RATE_LIMIT_PUBLIC', 'none', number(0, 1_000_000_000)],
    ['KRAFTER_RATE_LIMIT_UNAUTHORIZED', '-1', number(0, 1_000_000_000)],
    ['KRAFTER_REQUEST_TIMEOUT_MS', '0', number(100, 600_000)],
    ['KRAFTER_PUBLIC_PUSH_HOSTS', 'push.example, one two', hosts],
    ['KRAFTER_LOG_LEVEL', 'loud', 'must be fatal, error, warn, info, debug, trace or silent'],
    ['KRAFTER_VAPID_SUBJECT', 'me@shop.example', 'must be a mailto: address or an https:// URL'],
    ['KRAFTER_VAPID_SUBJECT', 'mailto:push@krafter.invalid', subject],
    [
      'KRAFTER_BOOTSTRAP_API_KEY',
      `kr_live_${password}`,
      'must be kr_live_ followed by 43 base64url characters',
    ],
    ['KRAFTER_DRAIN_DELAY_MS', '5s', number(0, 60_000)],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'must be an http:// or https:// URL'],
    ['OTEL_EXPORTER_OTLP_HEADERS', `authorization: ${password}`, otlpHeaders],
    ['OTEL_EXPORTER_OTLP_HEADERS', `authorization=${password}%`, otlpHeaders],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5', 'must be a number from 0 to 1'],
    ['OTEL_SDK_DISABLED', 'yes', 'must be true or false'],
  ]

  test('an alert URL in a network that is not opened', async () => {
    const env = { KRAFTER_DATA_DIR: untouched, PORT: '0', KRAFTER_ALERT_WEBHOOK_URL: 'https://10.0.0.1/' }
    await expect(startService(readConfig(env))).rejects.toThrow(
      new ConfigError(
        'KRAFTER_ALERT_WEBHOOK_URL must not point to a private or reserved address; KRAFTER_ALLOW_NETWORKS opens a network that is not public',
      ),
    )
    expect(existsSync(untouched)).toBe(false)
  })

  test.each(cases)('%s=%s', (name, value, message) => {
    expect(() => readConfig({ [name]: value })).toThrow(new ConfigError(`${name} ${message}`))
    expect(message).not.toContain(password)
  })

  // The command says the same of all of them.
  const withSecret = cases.find(([, value]) => value.includes(password))!
  test.concurrent.each([cases[0]!, withSecret])('the command: %s=%s', async (name, value, message) => {
    expect(await refusalOf({ [name]: value })).toBe(`${name} ${message}`)
    expect(existsSync(untouched)).toBe(false)
  })

  test('there is a case for every variable that can be', () => {
    const tried = new Set(cases.map(([name]) => name))
    const untried = Object.keys(environment.shape).filter((name) => !tried.has(name))
    expect(untried).toEqual(['KRAFTER_DATA_DIR', 'OTEL_SERVICE_NAME'])
  })

  test.concurrent('no encryption key beside DATABASE_URL', async () => {
    expect(await refusalOf({ DATABASE_URL: `postgres://user:${password}@127.0.0.1/db` })).toBe(
      'KRAFTER_ENCRYPTION_KEY is required with DATABASE_URL, the same for every process: 32 bytes in base64 (openssl rand -base64 32)',
    )
  })
})

describe('a database that cannot be used', () => {
  /** Takes connections and never says a word. */
  let silent: Server
  const sockets = new Set<Socket>()

  beforeAll(async () => {
    silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
  })

  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  const withUrl = (url: string) => ({ DATABASE_URL: url, KRAFTER_ENCRYPTION_KEY: encryptionKey })

  test.concurrent('nobody listens there', async () => {
    expect(await refusalOf(withUrl(`postgres://user:${password}@127.0.0.1:1/db`))).toBe(
      'DATABASE_URL: the database at 127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1',
    )
  })

  test.concurrent('it does not answer', async () => {
    const { port } = silent.address() as AddressInfo
    expect(await refusalInPlaceOf(withUrl(`postgres://user:${password}@127.0.0.1:${port}/db`))).toMatch(
      new RegExp(`^DATABASE_URL: the database at 127\\.0\\.0\\.1:${port} cannot be used: .*timeout`),
    )
  })

  test.concurrent('told to stop while it waits for it, it ends at once', async () => {
    const silentToo = createServer().listen(0, '127.0.0.1')
    const knocked = once(silentToo, 'connection')
    await once(silentToo, 'listening')
    const { port } = silentToo.address() as AddressInfo
    const command = startCommand(['serve'], {
      PORT: '0',
      DATABASE_URL: `postgres://user:${password}@127.0.0.1:${port}/db`,
      KRAFTER_ENCRYPTION_KEY: encryptionKey,
    })
    await knocked
    command.kill('SIGTERM')
    expect(await command.finished).toMatchObject({ code: 0, signal: null, stderr: '' })
    silentToo.close()
  })

  test.concurrent('its name means nothing', async () => {
    expect(await refusalInPlaceOf(withUrl(`postgres://user:${password}@nowhere.invalid/db`))).toMatch(
      /^DATABASE_URL: the database at nowhere\.invalid cannot be used: \S/,
    )
  })

  const { url, reason } = inject('postgres')
  const onPostgres = url ? test : test.skip
  const title = (name: string) => (url ? name : `${name}: ${reason}`)

  onPostgres(title('it refuses the log-in, or has no such database'), async () => {
    const changed = (change: (url: URL) => void) => {
      const other = new URL(url!)
      change(other)
      return refusalInPlaceOf(withUrl(other.href))
    }
    const [wrongPassword, noSuchUser, noSuchDatabase] = await Promise.all([
      changed((other) => {
        other.password = password
      }),
      changed((other) => {
        other.username = 'nobody'
      }),
      changed((other) => {
        other.pathname = '/nowhere'
      }),
    ])
    const start = `DATABASE_URL: the database at ${new URL(url!).host} cannot be used: `
    expect(wrongPassword).toBe(`${start}password authentication failed for user "postgres"`)
    expect(noSuchUser).toBe(`${start}password authentication failed for user "nobody"`)
    expect(noSuchDatabase).toBe(`${start}database "nowhere" does not exist`)
  })

  onPostgres(title('its secrets were encrypted with another key, or its port is taken'), async () => {
    const storage = await makeDatabase()
    const running = await startTestService(storage, {}, ['api'])
    try {
      const [otherKey, portInUse] = await Promise.all([
        refusalInPlaceOf({ ...storage.env, KRAFTER_ENCRYPTION_KEY: otherEncryptionKey }),
        refusalOf({ ...storage.env, PORT: new URL(running.api.url).port }),
      ])
      expect(otherKey).toBe(keyDoesNotFit)
      expect(portInUse).toBe(
        `PORT ${new URL(running.api.url).port} is in use on 127.0.0.1: choose another with PORT`,
      )
      expect(await refusalInPlaceOf({ ...storage.env, HOST: '192.0.2.1' })).toMatch(
        /^HOST 192\.0\.2\.1 cannot be listened on: \S/,
      )
      // The one that runs has not noticed.
      expect((await running.api.get('/push/apps')).status).toBe(200)
    } finally {
      await running.stop()
      await storage.drop()
    }
  })
})

const keyDoesNotFit =
  'KRAFTER_ENCRYPTION_KEY does not fit this database: its secrets were encrypted with another key, add that one to the list'

describe('a data folder that cannot be used', () => {
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const inFolder = (path: string) => ({ KRAFTER_DATA_DIR: path })

  test.concurrent('it is a file', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, 'mine')
    expect(await refusalOf(inFolder(file))).toBe(
      `KRAFTER_DATA_DIR ${file} cannot be created: EEXIST: file already exists, mkdir '${file}'`,
    )
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  test.concurrent('nobody can make it', async () => {
    const nowhere = join(folder, 'loop')
    symlinkSync(nowhere, nowhere)
    // Making one in /proc is refused as if the folder above it were missing.
    for (const path of [...(existsSync('/proc/self') ? ['/proc/nowhere/data'] : []), join(nowhere, 'data')]) {
      expect(await refusalInPlaceOf(inFolder(path))).toMatch(
        /^KRAFTER_DATA_DIR \S+ cannot be created: (ENOENT|ELOOP): /,
      )
    }
  })

  test.concurrent('another process has it', async () => {
    const taken = join(folder, 'taken')
    const { unlock } = lockDataFolder(taken)
    try {
      expect(await refusalOf(inFolder(taken))).toBe(
        `KRAFTER_DATA_DIR ${taken} is in use by another process: stop that one first, or use PostgreSQL (DATABASE_URL) to run several`,
      )
    } finally {
      unlock()
    }
  })

  test.concurrent('its encryption key is corrupt, and stays as it is', async () => {
    const path = join(folder, 'corrupt')
    const keyFile = join(path, 'encryption.key')
    mkdirSync(path)
    writeFileSync(keyFile, encryptionKey.slice(0, 20))
    expect(await refusalInPlaceOf(inFolder(path))).toBe(
      `the encryption key ${keyFile} is corrupt: it must be 32 bytes in base64; restore it from a backup`,
    )
    expect(readFileSync(keyFile, 'utf8')).toBe(encryptionKey.slice(0, 20))
  })

  test('its database is none', async () => {
    const path = join(folder, 'no-database')
    writeFileSync(path, 'no folder')
    await expect(openEmbedded(path)).rejects.toThrow(
      new ConfigError(`the embedded database in ${path} cannot be opened: not a directory`),
    )
  })
})

describe('a data folder with data', () => {
  let storage: TestStorage
  let path: string

  beforeAll(async () => {
    storage = makeDataFolder()
    path = storage.env.KRAFTER_DATA_DIR!
    await (await startTestService(storage, {}, ['api'])).stop()
  })

  afterAll(() => storage.drop())

  test('its secrets were encrypted with another key', async () => {
    expect(await refusalInPlaceOf({ ...storage.env, KRAFTER_ENCRYPTION_KEY: otherEncryptionKey })).toBe(
      keyDoesNotFit,
    )
    // Its own, given by name, fits.
    const own = readFileSync(join(path, 'encryption.key'), 'utf8').trim()
    const both = { ...storage.env, KRAFTER_ENCRYPTION_KEY: `${otherEncryptionKey},${own}` }
    const running = await startTestService({ ...storage, env: both }, {}, ['api'])
    await running.stop()
  })

  test('its encryption key is missing, and no other is made', async () => {
    const keyFile = join(path, 'encryption.key')
    const own = readFileSync(keyFile, 'utf8')
    rmSync(keyFile)
    const missing = `the encryption key ${keyFile} is missing, and the secrets in the database beside it were encrypted with it: restore it from the backup, or set KRAFTER_ENCRYPTION_KEY`
    expect(await refusalOf(storage.env)).toBe(missing)
    expect(await refusalOf(storage.env, ['keys', 'list'])).toBe(missing)
    expect(existsSync(keyFile)).toBe(false)
    const given = { ...storage.env, KRAFTER_ENCRYPTION_KEY: own.trim() }
    const running = await startTestService({ ...storage, env: given }, {}, ['api'])
    await running.stop()
    writeFileSync(keyFile, own)
  })

  test('its database is damaged', async () => {
    const database = join(path, 'database')
    expect(readdirSync(database)).toContain('PG_VERSION')
    writeFileSync(join(database, 'global', 'pg_control'), randomBytes(8_192))
    expect(await refusalOf(storage.env)).toMatch(/^the embedded database in \S+ cannot be opened: \S/)
  })
})

test('a role that is none', async () => {
  const { code, stdout, stderr } = await runCommand(['serve', '--role', 'nonsense'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(
    /^krafter-push: option '--role <roles>' argument 'nonsense' is invalid\. [^\n]+\nHow to use it: krafter-push serve --help\n$/,
  )
})
