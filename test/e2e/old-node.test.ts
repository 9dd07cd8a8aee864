import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const program = fileURLToPath(new URL('../../bin/krafter-push.js', import.meta.url))
let folder: string
let copy: string

/** The program in a package that needs a Node from the future: the one that runs it is too old. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', engines: { node: '>=99.1' } }))
  mkdirSync(join(folder, 'bin'))
  copy = join(folder, 'bin', 'krafter-push.js')
  copyFileSync(program, copy)
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('an old Node without another at hand says which one is needed', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [copy, 'serve'], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  expect(stderr).toMatch(
    new RegExp(`^krafter-push: Node 99\\.1 or later is needed, and this is ${process.version}\\n$`),
  )
})

test('an old Node starts the one that the checkout has, and ends as it does', () => {
  const bundled = join(folder, 'node_modules', 'node', 'bin')
  mkdirSync(bundled, { recursive: true })
  writeFileSync(join(bundled, 'node'), '#!/bin/sh\necho "$@"\nexit 7\n', { mode: 0o755 })
  const { status, stdout } = spawnSync(process.execPath, [copy, 'keys', 'list'], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 7, stdout: `${copy} keys list\n` })
})

test('a new enough Node runs the program itself', () => {
  const printed = execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' })
  expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/)
})
