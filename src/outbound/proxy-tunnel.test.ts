import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ConnectProxy, startConnectProxy } from '../../test/support/connect-proxy.ts'
import { makeCertificates } from '../local-ends/certificates.ts'
import { startTlsServer } from '../local-ends/tls-server.ts'
import { createAddressGuard } from './address-guard.ts'
import type { OutboundResult } from './outbound.ts'
import { createOutbound } from './outbound-client.ts'
import type { Resolve } from './resolver.ts'

const certificates = await makeCertificates()

let proxy: ConnectProxy
let receiver: { origin: string; port: string; hosts: (string | undefined)[] }
const cleanups: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  proxy = await startConnectProxy()
  const hosts: (string | undefined)[] = []
  const server = await startTlsServer(certificates, ({ headers }, response) => {
    hosts.push((headers[':authority'] as string | undefined) ?? headers.host)
    response.writeHead(204).end()
  })
  receiver = { origin: server.origin, port: new URL(server.origin).port, hosts }
  cleanups.push(
    () => proxy.stop(),
    () => server.stop(),
  )
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const lookups: Record<string, string[]> = {
  'hook.test.example': ['127.0.0.1'],
  'inside.test.example': ['10.0.0.1'],
  'mixed.test.example': ['127.0.0.1', '10.0.0.1'],
  'several.test.example': ['127.0.0.2', '127.0.0.1'],
}
const resolve: Resolve = async (hostname) =>
  (lookups[hostname] ?? []).map((address) => ({ address, family: 4 }))

function makeSend(proxyUrl: string, timeoutMs = 20_000) {
  const outbound = createOutbound({
    guard: createAddressGuard(['127.0.0.0/8']),
    ca: certificates.ca,
    resolve,
    proxy: new URL(proxyUrl),
  })
  cleanups.push(() => outbound.close())
  return (url: string): Promise<OutboundResult> =>
    outbound.exchange({
      url: new URL(url),
      headers: {},
      body: 'x',
      timeoutMs,
      maxAnswerBytes: 10,
    })
}

describe('a proxy', () => {
  test('is asked for the judged address; the receiver sees the name', async () => {
    const send = makeSend(proxy.url)
    const url = `https://hook.test.example:${receiver.port}/`
    for (let i = 0; i < 3; i += 1) expect(await send(url)).toMatchObject({ answer: { status: 204 } })
    expect(proxy.asked).toEqual([{ authority: `127.0.0.1:${receiver.port}`, authorization: undefined }])
    expect(receiver.hosts).toEqual(Array(3).fill(`hook.test.example:${receiver.port}`))
    expect(await send(receiver.origin)).toMatchObject({ ok: true })
  })

  test.each([
    'https://inside.test.example/',
    'https://mixed.test.example/',
    'https://10.0.0.1/',
    'https://[::1]/',
  ])('is not asked for what the guard refuses: %s', async (url) => {
    expect(await makeSend(proxy.url)(url)).toMatchObject({ error: 'refused_address' })
    expect(proxy.asked).toEqual([])
  })

  test('may be https and may want credentials', async () => {
    const secure = await startConnectProxy({ secure: true })
    cleanups.push(() => secure.stop())
    const { host } = new URL(secure.url)
    const send = makeSend(`https://user%40a:p%3Aw%20d@${host}`)
    expect(await send(receiver.origin)).toMatchObject({ ok: true })
    const authorization = `Basic ${Buffer.from('user@a:p:w d').toString('base64')}`
    expect(secure.asked).toMatchObject([{ authorization }])
  })

  test('that refuses, or is not there, is a failure that says so', async () => {
    proxy.answer = () => 407
    const refused = { ok: false, error: 'connect', reason: 'the outbound proxy refused the connection' }
    expect(await makeSend(proxy.url)(receiver.origin)).toEqual(refused)
    const gone = proxy.url
    await cleanups.shift()!()
    const unreachable = { ok: false, error: 'connect', reason: 'the outbound proxy cannot be reached' }
    expect(await makeSend(gone)(receiver.origin)).toEqual(unreachable)
  })

  test('that does not answer costs the deadline, and its connection is given up', async () => {
    proxy.answer = () => null
    const result = await makeSend(proxy.url, 200)(receiver.origin)
    expect(result).toMatchObject({ error: 'timeout', reason: 'no connection could be made in time' })
    await expect.poll(() => proxy.open()).toBe(0)
  })

  test('is asked for the next address of a name where one cannot be reached', async () => {
    proxy.answer = (authority) => (authority.startsWith('127.0.0.2') ? 502 : 200)
    expect(await makeSend(proxy.url)(`https://several.test.example:${receiver.port}/`)).toMatchObject({
      ok: true,
    })
    expect(proxy.asked.map(({ authority }) => authority)).toEqual([
      `127.0.0.2:${receiver.port}`,
      `127.0.0.1:${receiver.port}`,
    ])
  })
})
