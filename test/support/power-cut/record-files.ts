import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { relative } from 'node:path'
import { type Entry, pack } from './journal.ts'

/**
 * Preloaded (`--import`) into a process and its threads: appends all that they do to files below the folder
 * `POWER_CUT_ROOT` to the journal `POWER_CUT_JOURNAL`. One `write` appends an entry, so all threads share one order.
 */
const root = process.env.POWER_CUT_ROOT!
const {
  openSync,
  writeSync,
  ftruncateSync,
  fsyncSync,
  fdatasyncSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  unlinkSync,
  existsSync,
} = fs
const journal = openSync(process.env.POWER_CUT_JOURNAL!, 'a')
/** Open files and folders below the root. */
const opened = new Set<number>()

const record = (entry: Entry, data?: Uint8Array) => void writeSync(journal, pack(entry, data))
const inRoot = (path: fs.PathLike) => `${path}` === root || `${path}`.startsWith(`${root}/`)
const within = (path: fs.PathLike) => relative(root, `${path}`)
/** Emscripten writes signed bytes. */
const bytesOf = (data: string | NodeJS.ArrayBufferView) =>
  typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)

function refuse(what: string): never {
  throw new Error(`${what} is not recorded`)
}

Object.assign(fs, {
  openSync(path: fs.PathLike, flags: fs.OpenMode = 'r', mode?: fs.Mode) {
    const fd = openSync(path, flags, mode)
    if (!inRoot(path)) return fd
    opened.add(fd)
    const truncated = typeof flags === 'string' ? flags.startsWith('w') : (flags & fs.constants.O_TRUNC) !== 0
    record({ kind: 'open', fd, path: within(path), truncated })
    return fd
  },
  writeSync(
    fd: number,
    data: NodeJS.ArrayBufferView,
    offset = 0,
    length = data.byteLength - offset,
    at: number | null = null,
  ) {
    const written = writeSync(fd, data, offset, length, at)
    if (opened.has(fd))
      record(
        { kind: 'write', fd, at: at ?? refuse('a write without a position') },
        bytesOf(data).subarray(offset, offset + written),
      )
    return written
  },
  ftruncateSync(fd: number, bytes = 0) {
    ftruncateSync(fd, bytes)
    if (opened.has(fd)) record({ kind: 'resize', fd, bytes })
  },
  truncateSync(path: fs.PathLike, bytes = 0) {
    const fd = fs.openSync(path, 'r+')
    fs.ftruncateSync(fd, bytes)
    fs.closeSync(fd)
  },
  fsyncSync(fd: number) {
    fsyncSync(fd)
    if (opened.has(fd)) record({ kind: 'sync', fd })
  },
  fdatasyncSync(fd: number) {
    fdatasyncSync(fd)
    if (opened.has(fd)) record({ kind: 'sync', fd })
  },
  closeSync(fd: number) {
    // Another thread may get the number as soon as it is free.
    if (opened.delete(fd)) record({ kind: 'close', fd })
    closeSync(fd)
  },
  writeFileSync(
    path: fs.PathLike,
    data: string | NodeJS.ArrayBufferView,
    options: { mode?: fs.Mode; flag?: string; flush?: boolean } = {},
  ) {
    const bytes = bytesOf(data)
    const fd = fs.openSync(path, options.flag ?? 'w', options.mode)
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, at)
    if (options.flush) fs.fsyncSync(fd)
    fs.closeSync(fd)
  },
  mkdirSync(path: fs.PathLike, options?: fs.MakeDirectoryOptions) {
    const isNew = !existsSync(path)
    const made = mkdirSync(path, options)
    if (isNew && inRoot(path)) record({ kind: 'folder', path: within(path) })
    return made
  },
  mkdtempSync(prefix: string) {
    const path = mkdtempSync(prefix)
    if (inRoot(path)) record({ kind: 'folder', path: within(path) })
    return path
  },
  renameSync(path: fs.PathLike, to: fs.PathLike) {
    renameSync(path, to)
    if (inRoot(path)) record({ kind: 'rename', path: within(path), to: within(to) })
  },
  unlinkSync(path: fs.PathLike) {
    unlinkSync(path)
    if (inRoot(path)) record({ kind: 'remove', path: within(path) })
  },
})
for (const name of [
  'rmdirSync',
  'copyFileSync',
  'cpSync',
  'linkSync',
  'symlinkSync',
  'appendFileSync',
] as const) {
  const run = fs[name] as (path: string, ...others: unknown[]) => void
  Object.assign(fs, {
    [name]: (path: string, ...others: unknown[]) => (inRoot(path) ? refuse(name) : run(path, ...others)),
  })
}
syncBuiltinESMExports()
