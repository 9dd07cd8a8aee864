import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../config-error.ts'
import { syncFolder } from '../durable-files.ts'

/**
 * Creates the folder if it is missing (mode 0700) and locks it. The lock is SQLite's exclusive file lock: the kernel
 * drops it with the process, so a crash leaves no stale lock, and it works across containers that share a volume.
 *
 * @returns `writableBy`: see {@link findOtherWriters}; `unlock` releases the lock, as the kernel does when this process dies
 * @throws ConfigError when the folder cannot be created, when any user of the machine may write to it, or when another
 *   process holds the lock
 */
export function lockDataFolder(path: string) {
  try {
    makeFolders(path)
  } catch (cause) {
    throw new ConfigError(`KRAFTER_DATA_DIR ${path} cannot be created: ${(cause as Error).message}`, {
      cause,
    })
  }
  const writableBy = findOtherWriters(path)
  const lock = new DatabaseSync(join(path, 'lock'), { timeout: 0, open: false })
  try {
    lock.open()
    lock.exec('pragma locking_mode = exclusive; begin exclusive')
  } catch (cause) {
    if (lock.isOpen) lock.close()
    const busy = (cause as { errcode?: number }).errcode === sqliteBusy
    throw new ConfigError(
      busy
        ? `KRAFTER_DATA_DIR ${path} is in use by another process: stop that one first, or use PostgreSQL (DATABASE_URL) to run several`
        : `KRAFTER_DATA_DIR ${path} cannot be locked: ${(cause as Error).message}`,
      { cause },
    )
  }
  return { databasePath: databasePathIn(path), writableBy, unlock: () => lock.close() }
}

/** Where PGlite keeps its files in a data folder. The path does not exist before the first start. */
export function databasePathIn(folder: string): string {
  return join(folder, 'database')
}

/** Creates folders one by one: a recursive `mkdir` never returns where the kernel allows no folders, as in `/proc`. */
function makeFolders(path: string): void {
  const missing: string[] = []
  for (let folder = resolve(path); !isFolder(folder); folder = dirname(folder)) missing.unshift(folder)
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 })
      syncFolder(dirname(folder))
    } catch (error) {
      // Another process may have created it meanwhile.
      if (!isFolder(folder)) throw error
    }
  }
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

const byGroup = 0o020
const byOthers = 0o002

/** Who else may write to the folder, and could replace the key or the database; undefined: nobody. */
function findOtherWriters(path: string): 'its group' | 'its owner' | undefined {
  // Only Unix has these permission bits.
  if (!process.getuid) return undefined
  const { mode, uid } = statSync(path)
  if (mode & byOthers) {
    throw new ConfigError(
      `KRAFTER_DATA_DIR ${path} may be written to by every user of this machine: chmod o-w it, or name a folder inside it, which is made for this user alone`,
    )
  }
  if (uid !== 0 && uid !== process.getuid()) return 'its owner'
  return mode & byGroup ? 'its group' : undefined
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5

/**
 * The key that encrypts secrets at rest in embedded mode, in `encryption.key` in the folder.
 *
 * @returns 32 bytes; undefined when the file is missing
 * @throws ConfigError when the file exists but does not hold a valid key, or cannot be read
 */
export function readEncryptionKey(folder: string): Buffer | undefined {
  const path = encryptionKeyPath(folder)
  let stored: string
  try {
    stored = readFileSync(path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    // Any other failure must not make a new key, which would replace the one that the secrets need.
    if (code === 'ENOENT') return undefined
    throw new ConfigError(`the encryption key ${path} cannot be read: ${message}`, { cause })
  }
  const key = Buffer.from(stored, 'base64')
  if (key.length === keyBytes) return key
  throw new ConfigError(
    `the encryption key ${path} is corrupt: it must be 32 bytes in base64; restore it from a backup`,
  )
}

export const encryptionKeyPath = (folder: string) => join(folder, 'encryption.key')

const keyBytes = 32

/**
 * Creates the key of a new install, mode 0600. The file is written in full and then renamed: a crash must not leave an
 * empty file, which would look like a corrupt key, nor a power cut secrets without their key. The caller must hold the
 * folder's lock.
 *
 * @throws ConfigError when the file cannot be created
 */
export function makeEncryptionKey(folder: string): Buffer {
  const path = encryptionKeyPath(folder)
  const key = randomBytes(keyBytes)
  const unfinished = `${path}.new`
  try {
    rmSync(unfinished, { force: true })
    writeFileSync(unfinished, `${key.toString('base64')}\n`, { mode: 0o600, flush: true })
    renameSync(unfinished, path)
    syncFolder(folder)
  } catch (cause) {
    throw new ConfigError(`the encryption key ${path} cannot be created: ${(cause as Error).message}`, {
      cause,
    })
  }
  return key
}
