import { execFile } from 'node:child_process'
import { createECDH, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { decrypt } from 'http_ece'
import { afterAll, expect, test } from 'vitest'
import { maxPlaintextBytes, PayloadTooLargeError } from './encrypt.ts'
import { createEncryptionPool, messagesPerTask } from './encryption-pool.ts'

const pool = createEncryptionPool(2)
afterAll(() => pool.close())

function subscriber() {
  const pair = createECDH('prime256v1')
  pair.generateKeys()
  return { pair, p256dh: pair.getPublicKey(), auth: randomBytes(16) }
}

test('encrypts a payload for each subscription, in order', async () => {
  const payload = randomBytes(300)
  const tasks = Array.from({ length: 4 }, () => Array.from({ length: messagesPerTask }, subscriber))
  const batches = await Promise.all(tasks.map((subscribers) => pool.encrypt(payload, subscribers)))
  for (const [i, { pair, auth }] of tasks.flat().entries()) {
    const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
    expect(decrypt(Buffer.from(batches.flat()[i]!), params)).toEqual(payload)
  }
})

test('one subscription with unusable keys costs nobody else', async () => {
  const bad = { p256dh: Buffer.alloc(65, 4), auth: Buffer.alloc(16) }
  const bodies = await pool.encrypt(Buffer.from('x'), [subscriber(), bad, subscriber()])
  expect(bodies.map((body) => body?.length)).toEqual([104, undefined, 104])
})

test('refuses a payload that does not fit', async () => {
  const oversize = Buffer.alloc(maxPlaintextBytes + 1)
  await expect(pool.encrypt(oversize, [subscriber()])).rejects.toThrow(PayloadTooLargeError)
})

test('an idle pool does not keep the process alive', async () => {
  const script = `
    import { createECDH } from 'node:crypto'
    const { createEncryptionPool } = await import(${JSON.stringify(new URL('encryption-pool.ts', import.meta.url).href)})
    const pair = createECDH('prime256v1')
    pair.generateKeys()
    const [body] = await createEncryptionPool().encrypt(Buffer.from('x'), [{ p256dh: pair.getPublicKey(), auth: Buffer.alloc(16) }])
    process.stdout.write(String(body.length))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  })
  expect(stdout).toBe('104')
})
