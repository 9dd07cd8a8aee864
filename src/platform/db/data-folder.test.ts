import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ConfigError } from '../config-error.ts'
import { lockDataFolder, makeEncryptionKey, readEncryptionKey } from './data-folder.ts'

let folder: string
let holder: ChildProcess | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
})

afterEach(() => {
  holder?.kill('SIGKILL')
  holder = undefined
  rmSync(folder, { recursive: true, force: true })
})

/** Another process that holds the lock until it is killed. */
async function holdInAnotherProcess(): Promise<ChildProcess> {
  const module = JSON.stringify(join(import.meta.dirname, 'data-folder.ts'))
  const script = `
    import { lockDataFolder } from ${module}
    globalThis.lock = lockDataFolder(${JSON.stringify(folder)})
    process.send('locked')
    setInterval(() => {}, 1_000)`
  holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(holder, 'message')
  return holder
}

test('makes the folder, for its owner only', () => {
  const path = join(folder, 'new', 'data')
  const { databasePath, unlock } = lockDataFolder(path)
  expect(databasePath).toBe(join(path, 'database'))
  expect(statSync(path).mode & 0o777).toBe(0o700)
  unlock()
})

test('refuses a folder that another process holds, in one sentence', async () => {
  await holdInAnotherProcess()
  const attempt = () => lockDataFolder(folder)
  expect(attempt).toThrow(ConfigError)
  expect(attempt).toThrow(
    `KRAFTER_DATA_DIR ${folder} is in use by another process: stop that one first, or use PostgreSQL (DATABASE_URL) to run several`,
  )
})

test('is free at once when its holder is killed', async () => {
  const other = await holdInAnotherProcess()
  other.kill('SIGKILL')
  await once(other, 'exit')
  lockDataFolder(folder).unlock()
})

test('refuses a second lock in the same process, until the first is given up', () => {
  const first = lockDataFolder(folder)
  expect(() => lockDataFolder(folder)).toThrow(ConfigError)
  first.unlock()
  lockDataFolder(folder).unlock()
})

test('says what is wrong with a folder that cannot be one', () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  expect(() => lockDataFolder(file)).toThrow(ConfigError)
  expect(() => lockDataFolder(join(file, 'below'))).toThrow(/^KRAFTER_DATA_DIR .* cannot be created: /)
  mkdirSync(join(folder, 'lock'))
  expect(() => lockDataFolder(folder)).toThrow(/^KRAFTER_DATA_DIR .* cannot be locked: /)
})

test.each([0o755, 0o750])('a folder of mode %o is ours alone', (mode) => {
  chmodSync(folder, mode)
  const { writableBy, unlock } = lockDataFolder(folder)
  unlock()
  expect(writableBy).toBeUndefined()
})

test('tells of a folder that a group may write to, and refuses one that everybody may write to', () => {
  chmodSync(folder, 0o770)
  const { writableBy, unlock } = lockDataFolder(folder)
  unlock()
  expect(writableBy).toBe('its group')
  for (const mode of [0o777, 0o1777, 0o702]) {
    chmodSync(folder, mode)
    expect(() => lockDataFolder(folder)).toThrow(ConfigError)
    expect(() => lockDataFolder(folder)).toThrow(
      `KRAFTER_DATA_DIR ${folder} may be written to by every user of this machine: chmod o-w it, `,
    )
  }
})

test.skipIf(process.getuid?.() !== 0)('tells of a folder that another user owns', () => {
  chownSync(folder, 12_345, 12_345)
  const { writableBy, unlock } = lockDataFolder(folder)
  unlock()
  expect(writableBy).toBe('its owner')
})

test('makes an encryption key, readable for its owner only', () => {
  expect(readEncryptionKey(folder)).toBeUndefined()
  const key = makeEncryptionKey(folder)
  expect(key).toHaveLength(32)
  expect(statSync(join(folder, 'encryption.key')).mode & 0o777).toBe(0o600)
  expect(readEncryptionKey(folder)).toEqual(key)
})

test.each(['', 'c2hvcnQ=\n', `${'A'.repeat(40)}\n`, `${'A'.repeat(64)}\n`])(
  'refuses a corrupt encryption key (%j) and leaves it as it is',
  (content) => {
    const path = join(folder, 'encryption.key')
    writeFileSync(path, content)
    expect(() => readEncryptionKey(folder)).toThrow(ConfigError)
    expect(() => readEncryptionKey(folder)).toThrow(/^the encryption key .* is corrupt: /)
    expect(readFileSync(path, 'utf8')).toBe(content)
  },
)

test('a key that cannot be looked at is not taken for a missing one', () => {
  symlinkSync('encryption.key', join(folder, 'encryption.key'))
  expect(() => readEncryptionKey(folder)).toThrow(/^the encryption key .* cannot be read: ELOOP/)
})

test('refuses an encryption key that cannot be read or made', () => {
  mkdirSync(join(folder, 'encryption.key'))
  expect(() => readEncryptionKey(folder)).toThrow(/^the encryption key .* cannot be read: /)
  expect(() => makeEncryptionKey(join(folder, 'none'))).toThrow(ConfigError)
})

test('takes no notice of a key whose making was interrupted', () => {
  writeFileSync(join(folder, 'encryption.key.new'), 'AAA', { mode: 0o644 })
  const key = makeEncryptionKey(folder)
  expect(statSync(join(folder, 'encryption.key')).mode & 0o777).toBe(0o600)
  expect(readEncryptionKey(folder)).toEqual(key)
})
