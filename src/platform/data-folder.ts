import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../config/config.ts'

/** The folder of the embedded database, held by this process alone. */
export interface DataFolder {
  /** Where PGlite keeps its files. */
  databasePath: string
  /** Lets another process in. The kernel does the same when this one dies. */
  unlock(): void
}

/**
 * Makes the folder if need be (mode 0700) and locks it. The lock is SQLite's exclusive file lock: the kernel
 * drops it with the process, so a crash leaves no stale lock, and it holds across containers that share a volume.
 *
 * @throws ConfigError when the folder cannot be made or another process holds it
 */
export function lockDataFolder(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new ConfigError(`KRAFTER_DATA_DIR ${path} cannot be made: ${(cause as Error).message}`, { cause })
  }
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(join(path, 'lock'), { timeout: 0 })
    lock.exec('pragma locking_mode = exclusive; begin exclusive')
  } catch (cause) {
    lock?.close()
    const busy = (cause as { errcode?: number }).errcode === sqliteBusy
    throw new ConfigError(
      busy
        ? `KRAFTER_DATA_DIR ${path} is in use by another process: stop that one first, or use PostgreSQL (DATABASE_URL) to run several`
        : `KRAFTER_DATA_DIR ${path} cannot be locked: ${(cause as Error).message}`,
      { cause },
    )
  }
  const held = lock
  return { databasePath: join(path, 'database'), unlock: () => held.close() }
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5

/**
 * The key that encrypts secrets at rest in embedded mode: read from `encryption.key`, made on the first start
 * with mode 0600. Call with the folder locked.
 *
 * @returns 32 bytes
 * @throws ConfigError when the file is there but is no key, or cannot be read or made
 */
export function readOrMakeEncryptionKey(folder: string): Buffer {
  const path = join(folder, 'encryption.key')
  const stored = readKeyFile(path)
  if (stored === undefined) return makeKeyFile(path)
  const key = Buffer.from(stored, 'base64')
  if (key.length !== keyBytes) {
    throw new ConfigError(
      `the encryption key ${path} is corrupt: it must be 32 bytes in base64; restore it from a backup`,
    )
  }
  return key
}

const keyBytes = 32

function readKeyFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ConfigError(`the encryption key ${path} cannot be read: ${message}`, { cause })
  }
}

/** Whole or not at all: a crash must not leave an empty file behind, which would pass for a corrupt key. */
function makeKeyFile(path: string): Buffer {
  const key = randomBytes(keyBytes)
  const unfinished = `${path}.new`
  try {
    rmSync(unfinished, { force: true })
    writeFileSync(unfinished, `${key.toString('base64')}\n`, { mode: 0o600, flush: true })
    renameSync(unfinished, path)
  } catch (cause) {
    throw new ConfigError(`the encryption key ${path} cannot be made: ${(cause as Error).message}`, { cause })
  }
  return key
}
