import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from '../../test/support/free-port.ts'
import { startNameServer } from '../../test/support/name-server.ts'
import { startRawTlsServer, startTcpServer } from '../../test/support/raw-server.ts'
import { makeCertificates } from '../local-ends/certificates.ts'
import { createAddressGuard } from './address-guard.ts'
import { classifyError, failures } from './exchange-error.ts'
import { createOutbound } from './outbound-client.ts'
import { createResolver } from './resolver.ts'

const { ca } = await makeCertificates()

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function failureAt(
  url: string,
  {
    resolve,
    networks = ['127.0.0.0/8'],
  }: { resolve?: ReturnType<typeof createResolver>; networks?: string[] } = {},
) {
  const outbound = createOutbound({ guard: createAddressGuard(networks), ca, resolve })
  cleanups.push(() => outbound.close())
  const result = await outbound.exchange({
    url: new URL(url),
    headers: {},
    body: 'x',
    timeoutMs: 20_000,
    maxAnswerBytes: 10,
  })
  return result.ok ? result.answer.status : [result.error, result.reason]
}

describe('why an exchange failed, in words', () => {
  const day = 86_400_000
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] }
  const certificates = {
    expired: { notBeforeDate: new Date(Date.now() - 2 * day), notAfterDate: new Date(Date.now() - day) },
    early: { notBeforeDate: new Date(Date.now() + day), notAfterDate: new Date(Date.now() + 2 * day) },
    selfSigned: {},
  }

  test.each([
    ['selfSigned', 'the certificate is self-signed'],
    ['expired', 'the certificate has expired'],
    ['early', 'the certificate is not valid yet'],
  ] as const)('a certificate that is %s', async (kind, reason) => {
    const made = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
      keyType: 'ec',
      algorithm: 'sha256',
      extensions: [names],
      ...certificates[kind],
    })
    const server = await startRawTlsServer(() => {}, { key: made.private, cert: made.cert })
    cleanups.push(() => server.stop())
    const trusted = kind === 'selfSigned' ? ca : made.cert
    const outbound = createOutbound({ guard: createAddressGuard(['127.0.0.0/8']), ca: trusted })
    cleanups.push(() => outbound.close())
    const url = new URL(`https://127.0.0.1:${server.port}/`)
    const request = {
      url,
      headers: {},
      body: 'x',
      timeoutMs: 20_000,
      maxAnswerBytes: 10,
    }
    expect(await outbound.exchange(request)).toEqual({ ok: false, error: 'tls', reason })
  })

  test('an authority that nobody trusts', async () => {
    const server = await startRawTlsServer(() => {})
    cleanups.push(() => server.stop())
    const outbound = createOutbound({ guard: createAddressGuard(['127.0.0.0/8']) })
    cleanups.push(() => outbound.close())
    const url = new URL(`https://127.0.0.1:${server.port}/`)
    const request = {
      url,
      headers: {},
      body: 'x',
      timeoutMs: 20_000,
      maxAnswerBytes: 10,
    }
    expect(await outbound.exchange(request)).toEqual({
      ok: false,
      error: 'tls',
      reason: failures.certificateUnknownAuthority.reason,
    })
  })

  test('another host name, and no TLS version in common', async () => {
    const { key, cert } = await makeCertificates()
    const server = await startRawTlsServer(() => {})
    const old = await startRawTlsServer(
      () => {},
      { key, cert },
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    )
    const names = await startNameServer(() => ['127.0.0.1'])
    for (const each of [server, old, names]) cleanups.push(() => each.stop())
    const resolve = createResolver({ servers: [names.address] })
    expect(await failureAt(`https://other.example:${server.port}/`, { resolve })).toEqual([
      'tls',
      'the certificate is for another host name',
    ])
    expect(await failureAt(`https://127.0.0.1:${old.port}/`)).toEqual([
      'tls',
      'the receiver and the service have no TLS version in common',
    ])
  })

  // Node's own servers close the connection without a word.
  test.skipIf(spawnSync('openssl', ['version']).status !== 0).each([
    ['-tls1_3', 'the receiver asks for a client certificate'],
    ['-tls1_2', 'the receiver refused the TLS handshake; it may ask for a client certificate'],
  ])('a client certificate that is wanted (%s)', async (version, reason) => {
    const { key, cert } = await makeCertificates()
    const folder = await mkdtemp(join(tmpdir(), 'krafter-tls-'))
    const file = join(folder, 'server.pem')
    await writeFile(file, key + cert)
    const server = spawn('openssl', [
      's_server',
      '-accept',
      '127.0.0.1:0',
      '-cert',
      file,
      '-key',
      file,
      '-Verify',
      '1',
      '-www',
      version,
    ])
    cleanups.push(async () => {
      server.kill()
      await once(server, 'close')
      await rm(folder, { recursive: true })
    })
    let said = ''
    while (!/ACCEPT 127\.0\.0\.1:(\d+)\s/.test(said)) said += (await once(server.stdout, 'data'))[0]
    const [, port] = /ACCEPT 127\.0\.0\.1:(\d+)\s/.exec(said)!
    for (let i = 0; i < 3; i += 1)
      expect(await failureAt(`https://127.0.0.1:${port}/`)).toEqual(['tls', reason])
  })

  test('connections', async () => {
    const plain = await startTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const resetting = await startTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    for (const each of [plain, resetting]) cleanups.push(() => each.stop())
    expect(await failureAt(`https://127.0.0.1:${plain.port}/`)).toEqual(['tls', failures.noTls.reason])
    expect(await failureAt(`https://127.0.0.1:${resetting.port}/`)).toEqual([
      'connect',
      'the connection was reset',
    ])
    expect(await failureAt(`https://127.0.0.1:${await freePort()}/`)).toEqual([
      'connect',
      'the connection was refused',
    ])
    expect(await failureAt('https://255.255.255.255/', { networks: ['255.255.255.255/32'] })).toEqual([
      'connect',
      expect.stringMatching(/no route|does not permit/),
    ])
    expect(await failureAt('https://10.0.0.1/')).toEqual(['refused_address', failures.refusedAddress.reason])
  })

  test('names', async () => {
    const answers: Record<string, string[] | null | 'silence'> = {
      'none.example': null,
      'empty.example': [],
      'silent.example': 'silence',
      'inside.example': ['10.0.0.1'],
    }
    const names = await startNameServer((name) => answers[name]!)
    cleanups.push(() => names.stop())
    const makeResolver = (timeoutMs: number) =>
      createResolver({ servers: [names.address], limits: { timeoutMs } })
    const resolve = makeResolver(20_000)
    expect(await failureAt('https://none.example/', { resolve })).toEqual([
      'dns',
      'the host name does not exist',
    ])
    expect(await failureAt('https://empty.example/', { resolve })).toEqual([
      'dns',
      'the host name has no address',
    ])
    expect(await failureAt('https://silent.example/', { resolve: makeResolver(300) })).toEqual([
      'dns',
      failures.nameServersSilent.reason,
    ])
    expect(await failureAt('https://inside.example/', { resolve })).toEqual([
      'refused_address',
      failures.refusedAddress.reason,
    ])
  })

  test('never what the system says: that names addresses', () => {
    const texts: string[] = Object.values(failures).map(({ reason }) => reason)
    for (const code of [
      'ECONNREFUSED',
      'EHOSTUNREACH',
      'ETIMEDOUT',
      'EWHATEVER',
      'ERR_SSL_WHATEVER',
      '__proto__',
    ]) {
      const error = Object.assign(new Error(`connect ${code} 10.1.2.3:443`), { code })
      expect(texts).toContain(classifyError(error).reason)
      expect(texts).toContain(classifyError(new AggregateError([error])).reason)
    }
  })
})

test('docs/receive/deliveries.md lists every reason', async () => {
  const page = await readFile(new URL('../../docs/receive/deliveries.md', import.meta.url), 'utf8')
  for (const reason of Object.values(failures).map(({ reason }) => reason))
    expect(page.replace(/\s+/g, ' ')).toContain(reason)
})
