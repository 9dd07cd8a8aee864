import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSyncedFiles } from './synced-files.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Operations {
  fsync?: (stream: { nfd: number; node: { isFolder: boolean } }) => number
}

/** Prepares Emscripten's file system as PGlite does. @param errors gets what is turned into an error of PostgreSQL */
async function prepare(operations: Operations, errors: unknown[] | null, before: () => void = () => {}) {
  const { fs, synced } = openSyncedFiles(folder)
  const { emscriptenOpts } = await fs.init({} as PGlite, { preRun: [before] } as never)
  const tryFSOperation = (run: () => void) => {
    try {
      run()
    } catch (error) {
      errors!.push(error)
      throw new Error('turned')
    }
  }
  const module = { NODEFS: { stream_ops: operations, ...(errors && { tryFSOperation }) }, FS: {} }
  // The last one is of PGlite: it mounts the folder.
  const ours = (emscriptenOpts.preRun as ((module: unknown) => void)[]).slice(0, 2)
  for (const run of ours) run(module)
  return { fsync: operations.fsync!, synced }
}

test('syncs files and folders, and counts them', async () => {
  let others = 0
  const { fsync, synced } = await prepare({}, [], () => (others += 1))
  expect(others).toBe(1)
  const path = join(folder, 'file')
  writeFileSync(path, 'text')
  for (const [name, isFolder] of [
    [path, false],
    [folder, true],
  ] as const) {
    const nfd = openSync(name, 'r')
    expect(fsync({ nfd, node: { isFolder } })).toBe(0)
    closeSync(nfd)
  }
  expect(synced()).toBe(2)
})

test('a sync that fails is an error of PostgreSQL, which then stops instead of acknowledging', async () => {
  const errors: unknown[] = []
  const { fsync, synced } = await prepare({}, errors)
  const nfd = openSync(folder, 'r')
  closeSync(nfd)
  for (const isFolder of [false, true]) expect(() => fsync({ nfd, node: { isFolder } })).toThrow('turned')
  expect(errors).toMatchObject([{ code: 'EBADF' }, { code: 'EBADF' }])
  expect(synced()).toBe(0)
})

test.each([
  ['syncs by itself', { fsync: () => 0 }, []],
  ['turns errors in another way', {}, null],
])('a version of PGlite that %s is refused', async (_, operations, errors) => {
  await expect(prepare(operations, errors)).rejects.toThrow('keeps its files in an unknown way')
})
