import { execFile } from 'node:child_process'
import { createECDH, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
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

const unusable = { p256dh: Buffer.alloc(65, 4), auth: Buffer.alloc(16) }

test('encrypts a payload for each subscription, in order', async () => {
  const payload = randomBytes(300)
  const tasks = Array.from({ length: 4 }, () => Array.from({ length: messagesPerTask }, subscriber))
  const batches = await Promise.all(
    tasks.map((subscribers) => pool.encrypt({ payload, stampAt: null }, subscribers)),
  )
  for (const [i, { pair, auth }] of tasks.flat().entries()) {
    const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
    expect(decrypt(Buffer.from(batches.flat()[i]!), params)).toEqual(payload)
  }
})

test.each([1, 60])('encrypts %i payloads that are given at the same time', async (count) => {
  const given = Array.from({ length: count }, (_, i) => ({ ...subscriber(), payload: randomBytes(100 + i) }))
  const encrypted = await Promise.all(
    given.map(({ payload, ...recipient }, i) => {
      const recipients = i % 7 === 0 ? [recipient, unusable, recipient] : [recipient]
      return pool.encrypt({ payload, stampAt: null }, recipients)
    }),
  )
  for (const [i, { pair, auth, payload }] of given.entries()) {
    const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
    const opened = encrypted[i]!.map((body) => body && decrypt(Buffer.from(body), params))
    expect(opened).toEqual(i % 7 === 0 ? [payload, null, payload] : [payload])
  }
})

test('puts the stamp of each subscription into its own message', async () => {
  const payload = randomBytes(300)
  const subscribers = Array.from({ length: messagesPerTask }, () => ({
    ...subscriber(),
    stamp: randomBytes(84),
  }))
  const bodies = await pool.encrypt({ payload, stampAt: 200 }, subscribers)
  for (const [i, { pair, auth, stamp }] of subscribers.entries()) {
    const params = { version: 'aes128gcm', privateKey: pair, authSecret: auth.toString('base64url') }
    const expected = Buffer.concat([payload.subarray(0, 200), stamp, payload.subarray(284)])
    expect(decrypt(Buffer.from(bodies[i]!), params)).toEqual(expected)
  }
})

test('encrypts for single users between the tasks of a campaign', async () => {
  const payload = Buffer.from('x')
  const narrow = createEncryptionPool(1)
  const recipients = Array.from({ length: messagesPerTask }, subscriber)
  const ended: string[] = []
  const encrypt = async (name: string, to: typeof recipients) => {
    await narrow.encrypt({ payload, stampAt: null }, to)
    ended.push(name)
  }
  const campaign = Array.from({ length: 10 }, () => encrypt('campaign', recipients))
  await Promise.resolve()
  const singles = recipients.slice(0, 20).map((recipient) => encrypt('single', [recipient]))
  await Promise.all([...campaign, ...singles])
  await narrow.close()
  expect(ended.indexOf('single')).toBeLessThan(4)
})

test.runIf(process.platform === 'linux')('encrypts at a lower priority than the other threads', async () => {
  const recipients = Array.from({ length: messagesPerTask }, subscriber)
  await pool.encrypt({ payload: Buffer.from('x'), stampAt: null }, recipients)
  // proc_pid_stat(5): the nice value is the 17th field after the name.
  const ofThreads = readdirSync('/proc/self/task').map((id) => {
    const [, fields] = readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ')
    return Number(fields!.split(' ')[16])
  })
  const lower = Math.min(19, getPriority() + 10)
  const computing = ofThreads.filter((nice) => nice === lower)
  expect(computing).toHaveLength(2)
})

test('refuses what still waits when it is closed', async () => {
  const closing = createEncryptionPool(1)
  const recipients = Array.from({ length: messagesPerTask }, subscriber)
  const given = Array.from({ length: 10 }, () =>
    closing.encrypt({ payload: Buffer.from('x'), stampAt: null }, recipients),
  )
  const settled = Promise.allSettled(given)
  await Promise.resolve()
  await closing.close()
  const results = await settled
  expect(results.map(({ status }) => status)).toEqual(given.map(() => 'rejected'))
})

test('refuses stamps that differ in length, are missing, or do not fit', async () => {
  const plaintext = { payload: Buffer.alloc(20), stampAt: 10 }
  const stamped = (bytes: number) => ({ ...subscriber(), stamp: Buffer.alloc(bytes) })
  await expect(pool.encrypt(plaintext, [stamped(4), stamped(5)])).rejects.toThrow(RangeError)
  await expect(pool.encrypt(plaintext, [stamped(4), subscriber()])).rejects.toThrow(RangeError)
  await expect(pool.encrypt(plaintext, [stamped(11)])).rejects.toThrow(RangeError)
})

test('one subscription with unusable keys costs nobody else', async () => {
  const bodies = await pool.encrypt({ payload: Buffer.from('x'), stampAt: null }, [
    subscriber(),
    unusable,
    subscriber(),
  ])
  expect(bodies.map((body) => body?.length)).toEqual([104, undefined, 104])
})

test('refuses a payload that does not fit', async () => {
  const oversize = Buffer.alloc(maxPlaintextBytes + 1)
  await expect(pool.encrypt({ payload: oversize, stampAt: null }, [subscriber()])).rejects.toThrow(
    PayloadTooLargeError,
  )
})

test('an idle pool does not keep the process alive', async () => {
  const script = `
    import { createECDH } from 'node:crypto'
    const { createEncryptionPool } = await import(${JSON.stringify(new URL('encryption-pool.ts', import.meta.url).href)})
    const pair = createECDH('prime256v1')
    pair.generateKeys()
    const [body] = await createEncryptionPool().encrypt({ payload: Buffer.from('x'), stampAt: null }, [{ p256dh: pair.getPublicKey(), auth: Buffer.alloc(16) }])
    process.stdout.write(String(body.length))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  })
  expect(stdout).toBe('104')
})
