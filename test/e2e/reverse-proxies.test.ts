import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { emit } from '../support/database.ts'
import { type ReverseProxy, reverseProxies } from '../support/reverse-proxies.ts'
import { startTestService, type TestService } from '../support/service.ts'

const installed = Object.entries(reverseProxies).filter(([, start]) => start)
const batchLimit = 8 * 2 ** 20

let storage: TestStorage
let running: TestService
let appId: string

beforeAll(async () => {
  if (installed.length === 0) return
  storage = makeDataFolder()
  running = await startTestService(
    storage,
    { KRAFTER_TRUST_PROXY: '127.0.0.1/32', KRAFTER_RATE_LIMIT_UNAUTHORIZED: '100' },
    ['api'],
  )
  appId = (await running.api.post('/push/apps', { name: 'behind a proxy' })).body.data.id
})

afterAll(async () => {
  await running?.stop()
  await storage?.drop()
})

describe.each(Object.entries(reverseProxies))('behind the sample of %s', (name, start) => {
  if (!start) return void test.skip(`${name} is not installed`, () => {})
  let proxy: ReverseProxy
  const sessions: ClientHttp2Session[] = []

  beforeAll(async () => {
    proxy = await start(new URL(running.api.url).host)
  })

  afterAll(async () => {
    for (const session of sessions) session.destroy()
    await proxy?.stop()
  })

  /** @param from an address of this machine's that the service does not trust as a proxy */
  const open = (from = '127.0.0.2'): ClientHttp2Session => {
    const { host, httpsPort, ca } = proxy
    const createConnection = (): TLSSocket =>
      tlsConnect({
        ...{ host: '127.0.0.1', port: httpsPort, localAddress: from },
        ...{ servername: host, ca, ALPNProtocols: ['h2'] },
      })
    const session = connect(`https://${host}:${httpsPort}`, { createConnection })
    // A proxy that refuses a body may close the connection.
    session.on('error', () => {})
    sessions.push(session)
    return session
  }
  const begin = async (
    session: ClientHttp2Session,
    path: string,
    headers: Record<string, string> = {},
    body?: Buffer,
  ): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders & { ':status'?: number } }> => {
    const length = body ? { 'content-length': String(body.length) } : {}
    const stream = session.request({
      ':method': body ? 'POST' : 'GET',
      ':path': path,
      ...headers,
      ...length,
    })
    const answered = Promise.withResolvers<IncomingHttpHeaders>()
    stream.once('response', answered.resolve).on('error', answered.reject)
    stream.end(body)
    return { stream, headers: await answered.promise }
  }
  const ask = async (...request: Parameters<typeof begin>) => {
    const { stream, headers } = await begin(...request)
    let text = ''
    for await (const chunk of stream.setEncoding('utf8')) text += chunk
    return { status: headers[':status'], headers, text }
  }
  const authorization = () => `Bearer ${running.api.key}`

  test('TLS and HTTP/2 lead to the service, and HTTP leads to them', async () => {
    const session = open()
    expect(await ask(session, '/readyz')).toMatchObject({ status: 200 })
    expect(session.alpnProtocol).toBe('h2')
    const plain = await fetch(`http://127.0.0.1:${proxy.httpPort}/docs`, {
      redirect: 'manual',
      headers: { host: proxy.host },
    })
    expect(plain.status).toBeOneOf([301, 308])
    expect(plain.headers.get('location')).toMatch(/^https:\/\/.+\/docs$/)
  })

  test('metrics are not public', async () => {
    expect((await fetch(`${running.api.url}/metrics`)).status).toBe(200)
    expect(await ask(open(), '/metrics')).toMatchObject({ status: 404 })
  })

  test('an event arrives when it happens, and not with those after it', async () => {
    const path = `/api/v1/push/apps/${appId}/events/stream`
    const { stream, headers } = await begin(open(), path, { authorization: authorization() })
    expect(headers[':status']).toBe(200)
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    await poll(
      async () => text,
      (so) => so.includes('id: '),
    )
    await emit(running.service, appId)
    await poll(
      async () => text,
      (so) => so.includes('event: notification.sent'),
    )
    stream.close()
  })

  test('a batch of 8 MiB gets through, and nothing longer', async () => {
    const path = `/api/v1/push/apps/${appId}/subscribers/batch`
    const headers = { authorization: authorization(), 'content-type': 'application/json' }
    const bodyOf = (length: number) => Buffer.from('{"subscribers":[]}'.padEnd(length))
    const longest = await ask(open(), path, headers, bodyOf(batchLimit))
    expect(longest.status).toBe(422)
    expect(longest.text).toContain('"details":')
    const { stream, headers: refused } = await begin(open(), path, headers, bodyOf(batchLimit + 1))
    expect(refused[':status']).toBe(413)
    stream.destroy()
  })

  test('a client is known by its address, whatever it says', async () => {
    const left = async (from: string, said: string) => {
      const { status, headers } = await ask(open(from), '/api/v1/push/apps', { 'x-forwarded-for': said })
      expect(status).toBe(401)
      return Number(headers['x-ratelimit-remaining'])
    }
    // Of its own for each proxy: the service counts them together.
    const [one, other] = name === 'nginx' ? ['127.0.1.1', '127.0.1.2'] : ['127.0.2.1', '127.0.2.2']
    expect(await left(one!, '203.0.113.1')).toBe(99)
    expect(await left(one!, '203.0.113.2')).toBe(98)
    expect(await left(other!, '203.0.113.1')).toBe(99)
  })
})
