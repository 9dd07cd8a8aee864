import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../test/support/free-port.ts'
import { makeCertificates } from '../local-ends/certificates.ts'
import { createAddressGuard } from './address-guard.ts'
import type { Outbound, OutboundRequest, OutboundResult } from './outbound.ts'
import { createOutbound, type OutboundOptions } from './outbound-client.ts'
import type { Resolve } from './resolver.ts'

const certificates = await makeCertificates()
const { ca, key, cert } = certificates

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup()
  }
})

function makeOutbound(options: Partial<OutboundOptions> = {}): Outbound {
  const outbound = createOutbound({ guard: createAddressGuard(['127.0.0.0/8', '::1/128']), ca, ...options })
  cleanups.push(() => outbound.close())
  return outbound
}

/** Time passes only when a test says so, except for what waits for the network. */
function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  cleanups.push(() => vi.useRealTimers())
}

async function listen(
  server: Server | Http2SecureServer | ReturnType<typeof createTcpServer>,
  host = '127.0.0.1',
) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.listen(0, host)
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of sockets) {
      socket.destroy()
    }
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

async function https1(listener: RequestListener) {
  const { port, sockets } = await listen(createServer({ key, cert }, listener))
  return { url: new URL(`https://127.0.0.1:${port}/hook?a=b`), port, sockets }
}

/** A TLS server that answers the n-th request of a connection as it likes. */
async function rawEach(answer: (socket: TLSSocket, request: number, connection: number) => void) {
  let connections = 0
  const server = createTlsServer({ key, cert, ALPNProtocols: ['http/1.1'] }, (socket) => {
    connections += 1
    const connection = connections
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      // A body may come apart from its headers.
      if (!chunk.includes(' HTTP/1.1\r\n')) return
      requests += 1
      answer(socket, requests, connection)
    })
  })
  const { port } = await listen(server)
  return { url: new URL(`https://127.0.0.1:${port}/`), connections: () => connections }
}

/** A TLS server that writes what it likes. */
async function raw(onRequest: (socket: TLSSocket) => void) {
  const server = createTlsServer({ key, cert, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => onRequest(socket))
  })
  const { port } = await listen(server)
  return new URL(`https://127.0.0.1:${port}/`)
}

function request(url: URL, overrides: Partial<OutboundRequest> = {}): OutboundRequest {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: '{}',
    timeoutMs: 20_000,
    maxAnswerBytes: 1_024,
    ...overrides,
  }
}

function errorOf(result: OutboundResult): string {
  return result.ok ? `answered ${result.answer.status}` : result.error
}

describe('an exchange', () => {
  test('sends method, path, headers and body, and brings the answer', async () => {
    const seen = Promise.withResolvers<unknown>()
    const { url } = await https1((incoming, response) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { method, url: path, headers } = incoming
        seen.resolve({ method, path, headers, body: Buffer.concat(chunks).toString() })
        response.writeHead(202, { 'X-Thing': 'one' }).end('answer')
      })
    })
    const result = await makeOutbound().exchange(request(url, { body: new TextEncoder().encode('{"a":1}') }))
    expect(result).toMatchObject({ ok: true, answer: { status: 202, headers: { 'x-thing': 'one' } } })
    expect(result.ok && result.answer.body.toString()).toBe('answer')
    expect(await seen.promise).toMatchObject({
      method: 'POST',
      path: '/hook?a=b',
      body: '{"a":1}',
      headers: { 'accept-encoding': 'identity', 'content-length': '7', 'content-type': 'application/json' },
    })
  })

  test('follows no redirect', async () => {
    const { url } = await https1((_, response) =>
      response.writeHead(302, { location: 'https://a.example/' }).end(),
    )
    expect(errorOf(await makeOutbound().exchange(request(url)))).toBe('answered 302')
  })

  test('keeps at most the bytes asked for and gives the connection up', async () => {
    const ended = Promise.withResolvers<void>()
    const { url } = await https1((_, response) => {
      response.on('close', () => ended.resolve())
      response.writeHead(200)
      const more = () => {
        while (response.write('x'.repeat(1_000)));
      }
      response.on('drain', more)
      more()
    })
    const result = await makeOutbound().exchange(request(url, { maxAnswerBytes: 10 }))
    expect(result.ok && result.answer.body.toString()).toBe('xxxxxxxxxx')
    await ended.promise
  })

  test('leaves a body that is exactly as long as the cap on its connection', async () => {
    const { url, sockets } = await https1((incoming, response) => {
      incoming.resume()
      response.end('1234')
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url, { maxAnswerBytes: 4 }))
    const [first] = sockets
    expect(await outbound.exchange(request(url, { maxAnswerBytes: 4 }))).toMatchObject({ ok: true })
    expect([...sockets]).toEqual([first])
  })

  test('unpacks nothing: a compressed bomb stays as small as it came', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    const { url } = await https1((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    )
    const result = await makeOutbound().exchange(request(url, { maxAnswerBytes: 2_000 }))
    expect(result.ok && result.answer.body.equals(bomb.subarray(0, 2_000))).toBe(true)
  })

  test('runs over several HTTP/1.1 connections, at most as many as allowed', async () => {
    const used = new Set<Socket>()
    const { url } = await https1((incoming, response) => {
      used.add(incoming.socket)
      incoming.resume()
      incoming.on('end', () => setImmediate(() => response.end('ok')))
    })
    const outbound = makeOutbound({ limits: { http1ConnectionsPerOrigin: 4 } })
    const results = await Promise.all(Array.from({ length: 200 }, () => outbound.exchange(request(url))))
    expect(results.every((result) => result.ok)).toBe(true)
    expect(used.size).toBeGreaterThan(1)
    expect(used.size).toBeLessThanOrEqual(4)
  })

  test('goes on after the receiver closed an idle connection or asked for a close', async () => {
    const { url, sockets } = await https1((incoming, response) => {
      incoming.resume()
      response.setHeader('connection', 'close')
      response.end('ok')
    })
    const outbound = makeOutbound()
    for (let i = 0; i < 3; i++) {
      expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    }
    for (const socket of sockets) {
      socket.destroy()
    }
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
  })

  test('a header that no request may carry is a failure, and the connection stays good', async () => {
    const { url } = await https1((_, response) => response.end('ok'))
    const outbound = makeOutbound()
    expect(errorOf(await outbound.exchange(request(url, { headers: { 'x-bad': 'a\r\nb: c' } })))).toBe(
      'protocol',
    )
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
  })
})

describe('what comes before an answer', () => {
  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

  test.each([
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 102 Processing\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n',
  ])('%j is passed over, on every exchange of a connection', async (informational) => {
    const { url, connections } = await rawEach((socket) => socket.write(informational + ok))
    const outbound = makeOutbound()
    for (let i = 0; i < 3; i += 1) {
      const result = await outbound.exchange(request(url))
      expect(result).toMatchObject({ ok: true, answer: { status: 200 } })
    }
    expect(connections()).toBe(1)
  })

  test('an informational answer may come alone, long before the other', async () => {
    const { url } = await rawEach((socket) => {
      socket.write('HTTP/1.1 100 Conti')
      setTimeout(() => socket.write('nue\r\n\r\nHTTP/1.'), 20)
      setTimeout(() => socket.write(`1 200 OK\r\ncontent-length: 2\r\n\r\nok`), 40)
    })
    expect(errorOf(await makeOutbound().exchange(request(url)))).toBe('answered 200')
  })

  test('a switch of protocols, which nobody asked for, is a failure', async () => {
    const { url } = await rawEach((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    )
    expect(await makeOutbound().exchange(request(url))).toMatchObject({ ok: false })
  })

  test('folded headers are unfolded', async () => {
    const { url } = await rawEach((socket) =>
      socket.write(
        'HTTP/1.1 429 Slow\r\nretry-after:\r\n 120\r\nx-long: a\r\n\t b\r\ncontent-length: 0\r\n\r\n',
      ),
    )
    expect(await makeOutbound().exchange(request(url))).toMatchObject({
      answer: { status: 429, headers: { 'retry-after': '120', 'x-long': 'a b' } },
    })
  })
})

describe('a reused connection', () => {
  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

  test.each([
    ['reset', (socket: TLSSocket) => socket.destroy()],
    ['closed', (socket: TLSSocket) => socket.end()],
    [
      'reset after the request',
      (socket: TLSSocket) => (socket as unknown as { _parent: Socket })._parent.resetAndDestroy(),
    ],
  ])('that is %s before any byte of an answer costs no attempt', async (_, breakOff) => {
    const { url, connections } = await rawEach((socket, nth, connection) =>
      connection === 1 && nth === 2 ? breakOff(socket) : socket.write(ok),
    )
    const outbound = makeOutbound()
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    expect(connections()).toBe(2)
  })

  test('is replaced once: the fresh one may break too', async () => {
    let requests = 0
    const { url } = await rawEach((socket) => {
      requests += 1
      if (requests === 1) socket.write(ok)
      else socket.destroy()
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    expect(errorOf(await outbound.exchange(request(url)))).toBe('connect')
    expect(requests).toBe(3)
  })

  test('that breaks within an answer is a failure', async () => {
    let requests = 0
    const { url } = await rawEach((socket) => {
      requests += 1
      if (requests === 1) socket.write(ok)
      else socket.end('HTT')
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    expect(errorOf(await outbound.exchange(request(url)))).toBe('connect')
    expect(requests).toBe(2)
  })

  test('a fresh one that breaks is a failure at once', async () => {
    let requests = 0
    const { url } = await rawEach((socket) => {
      requests += 1
      socket.destroy()
    })
    expect(errorOf(await makeOutbound().exchange(request(url)))).toBe('connect')
    expect(requests).toBe(1)
  })

  test('the deadline holds over both tries', async () => {
    let requests = 0
    const { url } = await rawEach((socket) => {
      requests += 1
      if (requests === 1) socket.write(ok)
      else if (requests === 2) setTimeout(() => socket.destroy(), 100)
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    const result = await outbound.exchange(request(url, { timeoutMs: 1_500 }))
    expect(errorOf(result)).toBe('timeout')
    expect(result).not.toHaveProperty('waitedMs')
    expect(requests).toBe(3)
  })
})

describe('deadline and signal', () => {
  const hanging: Record<string, (socket: TLSSocket) => void> = {
    'never answers': () => {},
    'stops within the headers': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-'),
    'stops within the body': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'),
    'drips bytes for ever': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
      const timer = setInterval(() => socket.write('.'), 10)
      socket.on('close', () => clearInterval(timer))
    },
    'sends informational answers for ever': (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 10)
      socket.on('close', () => clearInterval(timer))
    },
  }

  test.each(Object.keys(hanging))('a receiver that %s times out', async (name) => {
    const url = await raw(hanging[name]!)
    expect(errorOf(await makeOutbound().exchange(request(url, { timeoutMs: 200 })))).toBe('timeout')
  })

  test('a server that never finishes the TLS handshake times out, and its connection is given up', async () => {
    const server = createTcpServer()
    const { port } = await listen(server)
    const closed = once(server, 'connection').then(([socket]) => {
      ;(socket as Socket).resume()
      return once(socket as Socket, 'close')
    })
    const result = await makeOutbound().exchange(
      request(new URL(`https://127.0.0.1:${port}/`), { timeoutMs: 200 }),
    )
    expect(errorOf(result)).toBe('timeout')
    await closed
  })

  test('holds while waiting for a free connection', async () => {
    const url = await raw(() => {})
    const outbound = makeOutbound({ limits: { http1ConnectionsPerOrigin: 1 } })
    const first = outbound.exchange(request(url, { timeoutMs: 1_000 }))
    const second = outbound.exchange(request(url, { timeoutMs: 200 }))
    expect(await Promise.race([first.then(() => 'first'), second.then(errorOf)])).toBe('timeout')
    expect(errorOf(await first)).toBe('timeout')
  })

  test.each([
    ['is free again', {}],
    ['is opened in place of theirs', { connection: 'close' }],
  ])('begins when a connection %s, after a wait for other exchanges', async (_, headers) => {
    const asked: (() => void)[] = []
    let arrived = Promise.withResolvers<void>()
    const { url } = await https1((_, response) => {
      asked.push(() => response.writeHead(204, headers).end())
      arrived.resolve()
    })
    fakeTime()
    const outbound = makeOutbound({ limits: { http1ConnectionsPerOrigin: 1 } })
    const exchanges = [1, 2, 3].map(() => outbound.exchange(request(url, { timeoutMs: 10_000 })))
    for (const answer of [0, 1]) {
      await arrived.promise
      arrived = Promise.withResolvers()
      vi.advanceTimersByTime(4_900)
      asked[answer]!()
    }
    await arrived.promise
    vi.advanceTimersByTime(9_900)
    asked[2]!()
    const [first, second, third] = await Promise.all(exchanges)
    expect(first).not.toHaveProperty('waitedMs')
    expect(second).toMatchObject({ ok: true, waitedMs: expect.closeTo(4_900, -3) })
    expect(third).toMatchObject({ ok: true, waitedMs: expect.closeTo(9_800, -3) })
  })

  test('holds after a wait for other exchanges', async () => {
    const asked: (() => void)[] = []
    const arrived = Promise.withResolvers<void>()
    const { url } = await https1((_, response) => {
      asked.push(() => response.end())
      if (asked.length === 2) arrived.resolve()
      else response.end()
    })
    const outbound = makeOutbound({ limits: { http1ConnectionsPerOrigin: 1 } })
    const [first, second] = [20_000, 200].map((timeoutMs) => outbound.exchange(request(url, { timeoutMs })))
    expect(errorOf(await first!)).toBe('answered 200')
    expect(errorOf(await second!)).toBe('timeout')
  })

  test('holds while a name does not resolve', async () => {
    const outbound = makeOutbound({ resolve: () => new Promise(() => {}) })
    expect(
      errorOf(await outbound.exchange(request(new URL('https://a.test.example/'), { timeoutMs: 100 }))),
    ).toBe('timeout')
  })

  test('a signal breaks an exchange off, before or while it runs', async () => {
    const reached = Promise.withResolvers<void>()
    const url = await raw(() => reached.resolve())
    const outbound = makeOutbound()
    const controller = new AbortController()
    const running = outbound.exchange(request(url, { signal: controller.signal }))
    await reached.promise
    controller.abort()
    expect(errorOf(await running)).toBe('aborted')
    expect(errorOf(await outbound.exchange(request(url, { signal: controller.signal })))).toBe('aborted')
  })

  test('closing breaks off what runs and takes nothing new', async () => {
    const reached = Promise.withResolvers<void>()
    const url = await raw(() => reached.resolve())
    const outbound = makeOutbound()
    const running = outbound.exchange(request(url))
    await reached.promise
    await outbound.close()
    expect(errorOf(await running)).toBe('aborted')
    expect(errorOf(await outbound.exchange(request(url)))).toBe('aborted')
  })
})

describe('receivers that misbehave', () => {
  const misbehaving: Record<string, [(socket: TLSSocket) => void, string]> = {
    'closes without an answer': [(socket) => socket.end(), 'connect'],
    'breaks off': [(socket) => socket.destroy(), 'connect'],
    'closes within the headers': [(socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-'), 'connect'],
    'sends garbage': [(socket) => socket.end('\x00\x01garbage\r\n\r\n'), 'protocol'],
    'sends endless headers': [
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const more = () => {
          while (!socket.destroyed && socket.write(`x-filler: ${'y'.repeat(1_000)}\r\n`));
        }
        socket.on('drain', more)
        more()
      },
      'protocol',
    ],
  }

  test.each(Object.keys(misbehaving))('one that %s is a failure', async (name) => {
    const [behave, error] = misbehaving[name]!
    const url = await raw(behave)
    const outbound = makeOutbound()
    expect(errorOf(await outbound.exchange(request(url)))).toBe(error)
    expect(errorOf(await outbound.exchange(request(url)))).toBe(error)
  })

  test('one that resets the connection is a failure', async () => {
    const server = createTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const { port } = await listen(server)
    expect(errorOf(await makeOutbound().exchange(request(new URL(`https://127.0.0.1:${port}/`))))).toBe(
      'connect',
    )
  })

  test('one that does not speak TLS is a failure', async () => {
    const server = createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const { port } = await listen(server)
    expect(errorOf(await makeOutbound().exchange(request(new URL(`https://127.0.0.1:${port}/`))))).toBe('tls')
  })

  test('nobody listening fails all who wait, at once', async () => {
    const url = new URL(`https://127.0.0.1:${await freePort()}/`)
    const outbound = makeOutbound()
    const results = await Promise.all(Array.from({ length: 50 }, () => outbound.exchange(request(url))))
    expect(new Set(results.map(errorOf))).toEqual(new Set(['connect']))
  })

  test('a certificate that is not trusted, or names another host, is a failure', async () => {
    const { url, port } = await https1((_, response) => response.end())
    const distrusting = createOutbound({ guard: createAddressGuard(['127.0.0.0/8']) })
    cleanups.push(() => distrusting.close())
    expect(errorOf(await distrusting.exchange(request(url)))).toBe('tls')
    const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const outbound = makeOutbound({ resolve })
    expect(errorOf(await outbound.exchange(request(new URL(`https://other.example:${port}/`))))).toBe('tls')
    expect(errorOf(await outbound.exchange(request(new URL(`https://a.test.example:${port}/`))))).toBe(
      'answered 200',
    )
  })
})

describe('the guard', () => {
  test.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/',
    'https://localhost/',
    'http://8.8.8.8/',
    'https://user@8.8.8.8/',
  ])('refuses %s', async (text) => {
    const outbound = createOutbound({ guard: createAddressGuard([]) })
    cleanups.push(() => outbound.close())
    expect(errorOf(await outbound.exchange(request(new URL(text))))).toBe('refused_address')
  })

  test('refuses a name when one of its addresses is refused, and connects to none', async () => {
    const { port, sockets } = await https1((_, response) => response.end())
    const resolve: Resolve = async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]
    const url = new URL(`https://a.test.example:${port}/`)
    expect(errorOf(await makeOutbound({ resolve }).exchange(request(url)))).toBe('refused_address')
    expect(sockets.size).toBe(0)
  })

  test('judges the peer that is really connected: 0.0.0.0 leads to this machine', async () => {
    const connected = Promise.withResolvers<Socket>()
    const server = createTcpServer((socket) => connected.resolve(socket))
    const { port } = await listen(server)
    const outbound = createOutbound({ guard: createAddressGuard(['0.0.0.0/32']), ca })
    cleanups.push(() => outbound.close())
    const url = new URL(`https://0.0.0.0:${port}/`)
    expect(errorOf(await outbound.exchange(request(url)))).toBe('refused_address')
    const socket = await connected.promise
    await once(socket.resume(), 'close')
    expect(socket.bytesRead).toBe(0)
  })

  test('looks a name up once per connection and connects to what it was told', async () => {
    const { port } = await https1((incoming, response) => {
      incoming.resume()
      response.end()
    })
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    const resolve = vi.fn<Resolve>(async () =>
      (answers.shift() ?? []).map((address) => ({ address, family: 4 })),
    )
    const outbound = makeOutbound({ resolve })
    const url = new URL(`https://rebind.test.example:${port}/`)
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    expect(resolve).toHaveBeenCalledTimes(1)
  })

  test('a name that does not exist is a dns failure', async () => {
    const resolve: Resolve = async (hostname) => {
      throw Object.assign(new Error(hostname), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
    }
    expect(
      errorOf(await makeOutbound({ resolve }).exchange(request(new URL('https://no.test.example/')))),
    ).toBe('dns')
  })
})

describe('HTTP/2', () => {
  type Session = NonNullable<ServerHttp2Stream['session']>

  async function https2(
    onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
    settings = { maxConcurrentStreams: 50 },
  ) {
    const server = createSecureServer({ key, cert, allowHTTP1: true, settings })
    const sessions: ServerHttp2Session[] = []
    server.on('session', (session) => {
      sessions.push(session)
      session.on('error', () => {})
    })
    server.on('stream', (stream) => stream.on('error', () => {}))
    server.on('stream', onStream)
    const { port, sockets } = await listen(server)
    return { url: new URL(`https://127.0.0.1:${port}/push`), sessions, server, sockets }
  }

  test('lets an answer that does not end send some thousand bytes, not all that a window holds by default', async () => {
    const { url, sessions } = await https2((stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      const more = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(16_384)));
      }
      stream.on('drain', more)
      more()
    })
    const outbound = makeOutbound()
    for (let count = 0; count < 10; count += 1) {
      expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    }
    const sent = [...sessions].reduce((sum, { socket }) => sum + socket.bytesWritten, 0)
    expect(sent).toBeGreaterThan(10 * 1_024)
    expect(sent).toBeLessThan(10 * 24_576)
  })

  test('the deadline begins when the peer allows a stream', async () => {
    const streams: ServerHttp2Stream[] = []
    let arrived = Promise.withResolvers<void>()
    const { url } = await https2(
      (stream) => {
        streams.push(stream)
        arrived.resolve()
      },
      { maxConcurrentStreams: 1 },
    )
    const outbound = makeOutbound()
    const warm = outbound.exchange(request(url))
    await arrived.promise
    streams[0]!.respond({ ':status': 204 }, { endStream: true })
    await warm
    fakeTime()
    arrived = Promise.withResolvers()
    const exchanges = [1, 2].map(() => outbound.exchange(request(url, { timeoutMs: 10_000 })))
    await arrived.promise
    arrived = Promise.withResolvers()
    vi.advanceTimersByTime(9_000)
    streams[1]!.respond({ ':status': 204 }, { endStream: true })
    await arrived.promise
    vi.advanceTimersByTime(9_000)
    streams[2]!.respond({ ':status': 204 }, { endStream: true })
    expect((await Promise.all(exchanges)).map(errorOf)).toEqual(['answered 204', 'answered 204'])
  })

  test('an exchange that is broken off resets its stream, with a code', async () => {
    const reset = Promise.withResolvers<number>()
    const controller = new AbortController()
    const { url } = await https2((stream) => {
      stream.on('close', () => reset.resolve(stream.rstCode))
      controller.abort()
    })
    const { signal } = controller
    expect(errorOf(await makeOutbound().exchange(request(url, { signal })))).toBe('aborted')
    expect(await reset.promise).toBe(constants.NGHTTP2_CANCEL)
  })

  test('reads an answer longer than the cap to its end: a peer counts a stream that was reset as open for a while', async () => {
    const { url, sessions } = await https2((stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200 })
      stream.end(Buffer.alloc(8_192))
    })
    let resets = 0
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    sessions[0]!.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('close', () => {
        resets += stream.rstCode === 0 ? 0 : 1
      })
    })
    for (let round = 0; round < 4; round += 1) {
      const results = await Promise.all(Array.from({ length: 50 }, () => outbound.exchange(request(url))))
      expect(new Set(results.map(errorOf))).toEqual(new Set(['answered 200']))
    }
    expect(resets).toBe(0)
    expect(sessions).toHaveLength(1)
  })

  test('answers without an end do not fail others of their peer, however many resets it takes', async () => {
    const { url } = await https2(
      (stream, { ':path': path }) => {
        stream.respond({ ':status': 200 })
        if (path === '/endless') stream.write(Buffer.alloc(20_000))
        else stream.end('received')
      },
      { maxConcurrentStreams: 1_000 },
    )
    const outbound = makeOutbound()
    for (let round = 0; round < 100; round += 1) {
      const endless = Array.from({ length: 30 }, () => outbound.exchange(request(new URL('/endless', url))))
      const others = await Promise.all(Array.from({ length: 10 }, () => outbound.exchange(request(url))))
      expect(new Set(others.map(errorOf))).toEqual(new Set(['answered 200']))
      await Promise.all(endless)
    }
  })

  test('does not wait for the rest of an answer, and breaks it off when it does not come', async () => {
    let answered = false
    const closed = Promise.withResolvers<boolean>()
    const { url } = await https2((stream) => {
      stream.on('close', () => closed.resolve(answered))
      stream.respond({ ':status': 200 })
      stream.write(Buffer.alloc(1_500))
    })
    const outbound = makeOutbound({ limits: { dropTimeoutMs: 100 } })
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 200')
    answered = true
    expect(await closed.promise).toBe(true)
  })

  test('carries many exchanges on few connections', async () => {
    const { url, sessions } = await https2((stream) => {
      stream.resume()
      stream.on('end', () => stream.respond({ ':status': 201 }, { endStream: true }))
    })
    const outbound = makeOutbound()
    const results = await Promise.all(Array.from({ length: 500 }, () => outbound.exchange(request(url))))
    expect(new Set(results.map(errorOf))).toEqual(new Set(['answered 201']))
    expect(sessions.length).toBeLessThanOrEqual(2)
  })

  test('survives GOAWAY, also in the middle of many exchanges', async () => {
    let answered = 0
    const { url, sessions } = await https2((stream) => {
      stream.resume()
      stream.on('end', () => {
        answered += 1
        if (answered % 60 === 0) {
          stream.session?.goaway(0)
        }
        stream.respond({ ':status': 201 }, { endStream: true })
      })
    })
    const outbound = makeOutbound()
    const results = await Promise.all(Array.from({ length: 300 }, () => outbound.exchange(request(url))))
    expect(results.filter((result) => result.ok).length).toBeGreaterThan(200)
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    expect(sessions.length).toBeGreaterThan(1)
  })

  test('a session that is destroyed fails its exchanges, and the next one connects again', async () => {
    let destroy = true
    const { url } = await https2((stream) => {
      if (destroy) {
        stream.session?.destroy()
        return
      }
      stream.respond({ ':status': 201 }, { endStream: true })
    })
    const outbound = makeOutbound()
    const results = await Promise.all(
      Array.from({ length: 20 }, () => outbound.exchange(request(url, { timeoutMs: 1_000 }))),
    )
    expect(results.every((result) => !result.ok)).toBe(true)
    destroy = false
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
  })

  test('passes informational answers over', async () => {
    const { url } = await https2((stream) => {
      stream.additionalHeaders({ ':status': 100 })
      stream.additionalHeaders({ ':status': 102 })
      stream.additionalHeaders({ ':status': 103, link: '</a>' })
      stream.respond({ ':status': 201 }, { endStream: true })
    })
    const outbound = makeOutbound()
    const results = await Promise.all(Array.from({ length: 10 }, () => outbound.exchange(request(url))))
    expect(new Set(results.map(errorOf))).toEqual(new Set(['answered 201']))
  })

  test('a session that breaks between exchanges costs no attempt, however many were on it', async () => {
    let breaks = false
    const { url, sessions } = await https2((stream) => {
      if (breaks) {
        breaks = false
        stream.session!.socket.destroy()
      } else if (!stream.destroyed) stream.respond({ ':status': 201 }, { endStream: true })
    })
    const outbound = makeOutbound({ limits: { http2ConnectionsPerOrigin: 1 } })
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    breaks = true
    const results = await Promise.all(Array.from({ length: 20 }, () => outbound.exchange(request(url))))
    expect(new Set(results.map(errorOf))).toEqual(new Set(['answered 201']))
    expect(sessions.length).toBe(2)
  })

  test.each([
    ['is cut', (_: Session, socket: Socket) => socket.destroy()],
    ['reports an error', (session: Session) => session.destroy(new Error('overload'), 11)],
  ])(
    'a session that %s is lost at once: what is sent after the first failure goes elsewhere',
    async (_, cut) => {
      const count = 20
      let arrived = 0
      const { url, sessions, sockets } = await https2((stream) => {
        stream.resume().on('end', () => {
          arrived += 1
          if (arrived === count) cut(stream.session!, [...sockets].at(-1)!)
          if (arrived > count) stream.respond({ ':status': 201 }, { endStream: true })
        })
      })
      const outbound = makeOutbound()
      const twice = async () => [
        await outbound.exchange(request(url)),
        await outbound.exchange(request(url, { body: 'again' })),
      ]
      const results = await Promise.all(Array.from({ length: count }, twice))
      expect(results.map((pair) => pair.map(errorOf))).toEqual(Array(count).fill(['connect', 'answered 201']))
      expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
      expect(sessions.length).toBe(2)
      // A used session that breaks so costs no attempt.
      arrived = 0
      const again = await Promise.all(Array.from({ length: count }, () => outbound.exchange(request(url))))
      expect(again.map(errorOf)).toEqual(Array(count).fill('answered 201'))
      expect(sessions.length).toBe(3)
    },
  )

  test('an exchange that times out breaks off no other, even when GOAWAY has moved them', async () => {
    let arrived = 0
    const { url } = await https2((stream) => {
      arrived += 1
      if (arrived === 1) stream.respond({ ':status': 201 }, { endStream: true })
      if (arrived === 2) stream.session!.goaway(0, stream.id)
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    const results = await Promise.all(
      Array.from({ length: 5 }, () => outbound.exchange(request(url, { timeoutMs: 300 }))),
    )
    expect(results.map(errorOf)).toEqual(Array(5).fill('timeout'))
  })

  test('a request that no session takes fails alone, before it is sent', async () => {
    const { url, sessions } = await https2((stream) => {
      setTimeout(() => stream.respond({ ':status': 201 }, { endStream: true }), 50)
    })
    const outbound = makeOutbound()
    await outbound.exchange(request(url))
    const others = Promise.all(Array.from({ length: 10 }, () => outbound.exchange(request(url))))
    const unsendable = [
      { 'http2-settings': 'a' },
      { connection: 'close' },
      { 'Transfer-Encoding': 'chunked' },
      { upgrade: 'h2c' },
      { te: 'gzip' },
      { host: 'other.example' },
      { expect: '100-continue' },
      { ':path': '/other' },
      { Authorization: 'a', authorization: 'b' },
      { 'x-bad': 'ä' },
    ] as Record<string, string>[]
    const refused = await Promise.all(
      unsendable.map((headers) => outbound.exchange(request(url, { headers }))),
    )
    expect(new Set(refused.map(errorOf))).toEqual(new Set(['protocol']))
    const huge = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, 'y'.repeat(4_000)]))
    expect(await outbound.exchange(request(url, { headers: huge }))).toMatchObject({ ok: false })
    expect(new Set((await others).map(errorOf))).toEqual(new Set(['answered 201']))
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    expect(sessions.length).toBe(1)
  })

  test('headers that are large for some receivers go on a connection of their own', async () => {
    const { url, sessions } = await https2((stream, headers) => {
      if (headers['x-large']) stream.session!.destroy()
      else stream.respond({ ':status': 201 }, { endStream: true })
    })
    const outbound = makeOutbound()
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    const large = { 'x-large': 'y'.repeat(9_000) }
    expect(await outbound.exchange(request(url, { headers: large }))).toMatchObject({ ok: false })
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    expect(sessions[0]!.destroyed).toBe(false)
    expect(sessions.length).toBe(2)
  })

  test('a stream that hangs times out, and the next exchange gets another connection', async () => {
    let hang = false
    const { url, sessions } = await https2((stream) => {
      if (!hang) {
        stream.respond({ ':status': 201 }, { endStream: true })
      }
    })
    const outbound = makeOutbound()
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    hang = true
    const results = await Promise.all(
      Array.from({ length: 20 }, () => outbound.exchange(request(url, { timeoutMs: 200 }))),
    )
    expect(new Set(results.map(errorOf))).toEqual(new Set(['timeout']))
    hang = false
    expect(errorOf(await outbound.exchange(request(url)))).toBe('answered 201')
    expect(sessions.length).toBeGreaterThan(1)
  })

  // NO_ERROR, INTERNAL_ERROR and CANCEL: for each, Node and undici report something else.
  test.each([0, 2, 8])('a stream that is reset with code %i fails alone', async (code) => {
    const { url, sessions } = await https2((stream, headers) => {
      if (headers[':path'] === '/bad') {
        stream.close(code)
      } else {
        stream.respond({ ':status': 201 }, { endStream: true })
      }
    })
    const outbound = makeOutbound()
    const results = await Promise.all([
      outbound.exchange(request(url)),
      outbound.exchange(request(new URL('/bad', url))),
      outbound.exchange(request(url)),
    ])
    expect(results.map(errorOf)).toEqual(['answered 201', 'protocol', 'answered 201'])
    expect(results[1]).toMatchObject({ reason: expect.stringContaining('HTTP/2 stream') })
    expect(sessions.length).toBe(1)
  })
})
