import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { makeCertificates } from '../local-ends/certificates.ts'
import { createAddressGuard } from './address-guard.ts'
import type { Connection, Waiter } from './connection.ts'
import { createConnectionPool } from './connection-pool.ts'
import { toDestination } from './destination.ts'
import { createGuardedConnect } from './guarded-connect.ts'
import { defaultOutboundLimits } from './outbound-limits.ts'

const { ca, key, cert } = await makeCertificates()
const connect = createGuardedConnect({
  guard: createAddressGuard(['127.0.0.0/8']),
  ca,
  async resolve(hostname) {
    if (hostname.startsWith('no-')) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
    return [{ address: '127.0.0.1', family: 4 }]
  },
  connectTimeoutMs: 20_000,
})

function waiter(): Waiter & { connection: Promise<Connection> } {
  const { promise, resolve, reject } = Promise.withResolvers<Connection>()
  promise.catch(() => {})
  return { connection: promise, start: resolve, fail: reject }
}

test('forgets origins that nobody waits for and that have no connection', async () => {
  const pool = createConnectionPool(connect, defaultOutboundLimits)
  const waiters = Array.from({ length: 200 }, (_, i) => {
    const one = waiter()
    pool.enter(toDestination(new URL(`https://no-${i}.test.example/`)), one)
    return one
  })
  expect(pool.originCount()).toBe(200)
  await Promise.allSettled(waiters.map(({ connection }) => connection))
  expect(pool.originCount()).toBe(0)

  const leaving = waiter()
  const url = toDestination(new URL('https://a.test.example:1/'))
  pool.enter(url, leaving)
  pool.leave(url, leaving)
  expect(pool.originCount()).toBe(0)
  await pool.close(new Error('closed'))
})

test('keeps at most so many idle connections over all origins', async () => {
  const server = createServer({ key, cert }, (_, response) => response.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pool = createConnectionPool(connect, { ...defaultOutboundLimits, idleConnections: 3 })
  for (let i = 0; i < 10; i++) {
    const one = waiter()
    pool.enter(toDestination(new URL(`https://host-${i}.test.example:${port}/`)), one)
    pool.release(await one.connection, true)
  }
  expect(pool.originCount()).toBe(3)
  await pool.close(new Error('closed'))
  expect(pool.originCount()).toBe(0)
  server.closeAllConnections()
  server.close()
})
