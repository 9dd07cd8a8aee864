import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { runCommand, startCommand } from '../support/service-process.ts'

let temporary: string
/** An install's settings, which the demo must not come near. */
let env: Record<string, string>

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'krafter-push-test-'))
  env = { TMPDIR: temporary, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/real', KRAFTER_ENCRYPTION_KEY: 'x' }
})

afterEach(() => rmSync(temporary, { recursive: true, force: true }))

test('plays a whole round, prints its numbers and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await runCommand(['demo', '--subscribers', '50'], env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^registering +50 of 50$/m)
  expect(stdout).toMatch(/^pushing +50 of 50$/m)
  expect(stdout).toMatch(/^subscribers registered +50 +\d+\/s$/m)
  expect(stdout).toMatch(/^pushes sent +50 +\d+\/s/m)
  expect(stdout).toMatch(/^pushes failed +0$/m)
  expect(stdout).toMatch(/^webhook received +[\d,]+ ms/m)
  expect(stdout).toMatch(/^verified +yes/m)
  expect(readdirSync(temporary)).toEqual([])
})

test('Ctrl-C ends it and leaves nothing behind', async () => {
  const command = startCommand(['demo', '--subscribers', '100000'], env)
  await poll(
    async () => command.output.stdout,
    (printed) => printed.includes('krafter-push-demo-'),
  )
  expect(readdirSync(temporary)).toHaveLength(1)
  command.kill('SIGINT')
  const { code, stdout } = await command.finished
  expect(code).toBe(130)
  expect(stdout).toContain('Interrupted')
  expect(readdirSync(temporary)).toEqual([])
})

test.each(['0', '100001', 'many'])('refuses --subscribers %s', async (value) => {
  const { code, stderr } = await runCommand(['demo', '--subscribers', value], env)
  expect(code).toBe(2)
  expect(stderr).toContain('--subscribers')
})
