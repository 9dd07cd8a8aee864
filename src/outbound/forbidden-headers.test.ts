import { once } from 'node:events'
import { constants, createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../local-ends/certificates.ts'
import { createAddressGuard } from './address-guard.ts'
import { findHeaderFault } from './forbidden-headers.ts'
import type { Outbound } from './outbound.ts'
import { createOutbound } from './outbound-client.ts'

/** Every header that Node has a name for, pseudo-headers among them, and more that proxies and browsers know. */
const knownNames = [
  ...Object.entries(constants).flatMap(([key, name]) =>
    key.startsWith('HTTP2_HEADER_') && typeof name === 'string' ? [name] : [],
  ),
  'proxy-authentication-info',
  'proxy-status',
  'x-forwarded-for',
  'x-http-method-override',
  'idempotency-key',
  'early-data',
  'priority',
  'sec-websocket-key',
  '__proto__',
  'constructor',
  "x!#$%&'*+.^_`|~",
]

const forbidden = [
  '__proto__',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'proxy-status',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

test('what is forbidden, of all names that are known', () => {
  const found = [...new Set(knownNames)].filter((name) => findHeaderFault(name, 'x') === 'forbidden')
  expect(found.sort()).toEqual(forbidden)
  for (const name of forbidden) expect(findHeaderFault(name.toUpperCase(), 'x')).toBe('forbidden')
})

test.each([
  ['', 'x', 'name'],
  [':path', '/', 'name'],
  ['a b', 'x', 'name'],
  ['a:', 'x', 'name'],
  ['ä', 'x', 'name'],
  ['a\n', 'x', 'name'],
  ['a', '', 'value'],
  ['a', ' x', 'value'],
  ['a', 'x\t', 'value'],
  ['a', 'x\r\nb: y', 'value'],
  ['a', 'x\n', 'value'],
  ['a', 'x\0', 'value'],
  ['a', '\x7f', 'value'],
  ['a', 'é', 'value'],
  ['a', '\ud800', 'value'],
  ['a', 'x \ty', null],
])('%j: %j is at fault for its %s', (name, value, fault) => {
  expect(findHeaderFault(name, value)).toBe(fault)
})

describe.each(['HTTP/2', 'HTTP/1.1'])('over %s', (version) => {
  const received: Record<string, unknown>[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let outbound: Outbound
  let url: URL
  let close: () => void

  beforeAll(async () => {
    const { key, cert, ca } = await makeCertificates()
    const answer = (request: { headers: object }, response: { end(): void }) => {
      received.push({ ...request.headers })
      response.end()
    }
    const server =
      version === 'HTTP/2' ? createSecureServer({ key, cert }, answer) : createServer({ key, cert }, answer)
    server.on('secureConnection', (socket: Socket) => {
      connections += 1
      sockets.add(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    close = () => server.close()
    outbound = createOutbound({
      guard: createAddressGuard(['127.0.0.0/8']),
      ca,
      limits: { http1ConnectionsPerOrigin: 1, http2ConnectionsPerOrigin: 1 },
    })
    url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  })

  afterAll(async () => {
    await outbound.close()
    for (const socket of sockets) socket.destroy()
    close()
  })

  const send = (headers: Record<string, string>) =>
    outbound.exchange({
      url,
      headers,
      body: 'x',
      timeoutMs: 20_000,
      maxAnswerBytes: 10,
    })

  const arrives = async (name: string, value: string) => {
    const result = await send({ [name]: value })
    expect({ name, ok: result.ok, message: result.ok ? '' : result.reason }).toEqual({
      name,
      ok: true,
      message: '',
    })
    // Node shows some names as lists.
    expect(String(received.pop()?.[name.toLowerCase()]), name).toBe(value)
  }

  test('every other known header arrives, all on one connection', async () => {
    for (const name of knownNames) if (findHeaderFault(name, 'x') === null) await arrives(name, 'x')
    expect(connections).toBe(1)
  })

  test('so does whatever else is let through', async () => {
    const letters = fc.mixedCase(fc.stringMatching(/^[!#$%&'*+.^_`|~0-9a-z-]{1,20}$/))
    const values = fc.stringMatching(/^[\x20-\x7e\t]{1,40}$/)
    await fc.assert(
      fc.asyncProperty(letters, values, async (name, value) => {
        fc.pre(findHeaderFault(name, value) === null)
        await arrives(name, value)
      }),
      { numRuns: 200 },
    )
    expect(connections).toBe(1)
  })
})
