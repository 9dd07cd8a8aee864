import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { syncFolder, syncTree } from './durable-files.ts'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

test.runIf(process.platform === 'linux')('a file system that syncs no folders is no error', () => {
  syncFolder('/proc/self')
})

test.runIf(process.platform === 'linux')('a file that its file system does not sync is an error', () => {
  const folder = makeFolder()
  symlinkSync('/proc/self/status', join(folder, 'status'))
  expect(() => syncTree(folder)).toThrow('EINVAL')
})

test('a folder that is not there is an error', () => {
  expect(() => syncFolder(join(makeFolder(), 'missing'))).toThrow('ENOENT')
})

test('a tree is synced to its leaves: a file that cannot be is an error', () => {
  const folder = makeFolder()
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  writeFileSync(join(folder, 'a', 'b', 'file'), '')
  syncTree(folder)
  symlinkSync('nowhere', join(folder, 'a', 'b', 'dangling'))
  expect(() => syncTree(folder)).toThrow('ENOENT')
})
