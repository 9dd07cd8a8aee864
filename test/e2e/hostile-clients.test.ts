import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { poll } from '../support/api.ts'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

const settings = { KRAFTER_REQUEST_TIMEOUT_MS: '2000', KRAFTER_MAX_CONNECTIONS: '50' }

let storage: TestStorage
let running: TestService

beforeAll(async () => {
  storage = makeDataFolder()
  running = await startTestService(storage, settings, ['api'])
})

afterAll(async () => {
  await stop()
  await storage.drop()
})

let stopped: Promise<void> | undefined
const stop = () => (stopped ??= running.stop())

async function open(): Promise<Socket> {
  const { hostname, port } = new URL(running.api.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** Sends bytes and reads the answer until the service closes the connection. */
async function exchange(bytes: string): Promise<{ status: number; headers: string; body: unknown }> {
  const socket = await open()
  socket.on('error', () => {})
  socket.write(bytes)
  return readAnswer(socket)
}

async function readAnswer(socket: Socket): Promise<{ status: number; headers: string; body: unknown }> {
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'close')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), headers: head.toLowerCase(), body: JSON.parse(body) }
}

const host = 'host: service\r\n'

// Together, because some wait for their time to be over.
test.concurrent.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'Request is not valid HTTP'],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 400, 'Request is not valid HTTP'],
  ['an unknown method', `NONSENSE / HTTP/1.1\r\n${host}\r\n`, 400, 'Request is not valid HTTP'],
  ['a header without a name', `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`, 400, 'Request is not valid HTTP'],
  [
    'two lengths',
    `POST / HTTP/1.1\r\n${host}content-length: 1\r\ncontent-length: 2\r\n\r\n`,
    400,
    'Request is not valid HTTP',
  ],
  [
    'a chunk of no size',
    `POST /api/v1/push/track/delivered HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\nxyz\r\n`,
    400,
    'Request is not valid HTTP',
  ],
  ['no host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'Request is not valid HTTP'],
  [
    'a header of 17 KiB',
    `GET / HTTP/1.1\r\n${host}x: ${'x'.repeat(17_408)}\r\n\r\n`,
    431,
    'Request headers are too large',
  ],
  [
    'a path of 17 KiB',
    `GET /${'x'.repeat(17_408)} HTTP/1.1\r\n${host}\r\n`,
    431,
    'Request headers are too large',
  ],
  ['headers that do not end', `GET / HTTP/1.1\r\n${host}`, 408, 'Request did not arrive in time'],
  [
    'a body that never comes',
    `POST /api/v1/push/track/clicked HTTP/1.1\r\n${host}content-length: 9\r\n\r\n`,
    408,
    'Request did not arrive in time',
  ],
  [
    'a body that stops',
    `POST /api/v1/push/track/clicked HTTP/1.1\r\n${host}content-length: 9\r\n\r\n{"t"`,
    408,
    'Request did not arrive in time',
  ],
])('%s is answered in the form of every refusal', async (_, bytes, status, error) => {
  const logged = running.logs.length
  const answer = await exchange(bytes)
  expect({ status: answer.status, body: answer.body }).toEqual({ status, body: { error } })
  expect(answer.headers).toMatch(/\r\ncontent-type: application\/json; charset=utf-8(\r\n|$)/)
  const [, requestId] = /\r\nx-request-id: ([0-9a-f-]{36})(?:\r\n|$)/.exec(answer.headers) ?? []
  await poll(
    async () => running.logs.slice(logged),
    (lines) => lines.some((line) => line.requestId === requestId),
  )
  expect(running.logs.slice(logged).filter(({ level }) => level === 'error')).toEqual([])
})

test('requests that come together on a connection are answered one after the other', async () => {
  const socket = await open()
  const authorized = `${host}authorization: Bearer ${running.api.key}\r\n`
  const body = '{"name":"Pipelined"}'
  const type = 'content-type: application/json\r\n'
  socket.write(
    `POST /api/v1/push/apps HTTP/1.1\r\n${authorized}${type}content-length: ${body.length}\r\n\r\n${body}` +
      `GET /api/v1/push/apps HTTP/1.1\r\n${authorized}\r\n` +
      `GET /healthz HTTP/1.1\r\n${host}connection: close\r\n\r\n`,
  )
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'close')
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 200', 'HTTP/1.1 200'])
  expect(text.match(/"name":"Pipelined"/g)).toHaveLength(2)
})

test('a client that sends many requests and reads no answer is disconnected', async () => {
  const socket = await open()
  socket.on('error', () => {}).pause()
  socket.write(`GET /openapi.json HTTP/1.1\r\n${host}\r\n`.repeat(1_000))
  await once(socket, 'close')
})

test('so many connections at a time, and those that ask nothing make room again', async () => {
  const sockets = await Promise.all(Array.from({ length: 60 }, open))
  const closed = sockets.map((socket) => once(socket.on('error', () => {}).resume(), 'close'))
  await Promise.race(closed)
  expect(running.logs.filter(({ msg }) => msg === 'connections.limit_reached')).toMatchObject([
    { level: 'warn', maxConnections: 50, refused: 1 },
  ])
  // Without a request, all are closed once a request must have come.
  await Promise.all(closed)
  expect((await running.api.get('/push/apps')).status).toBe(200)
})

test('a body that never comes ends its connection, though its answer has come', async () => {
  const socket = await open()
  socket.on('error', () => {}).resume()
  socket.write(
    `POST /api/v1/push/apps HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 9\r\n\r\n`,
  )
  // Node's own deadline for a request is five minutes.
  await once(socket, 'close')
})

test.each([
  ['POST /nowhere', 404],
  ['PUT /api/v1/nowhere', 401],
  ['POST /healthz', 404],
  ['PUT /mcp', 405],
  ['POST /mcp', 401],
  ['OPTIONS /mcp', 405],
  ['POST /api/v1/push/apps', 401],
  ['OPTIONS /api/v1/push/track/clicked', 413],
  ['OPTIONS /api/v1/push/public/subscribers', 401],
  ['POST /api/v1/push/track/clicked', 413],
  ['POST /api/v1/push/public/subscribers?key=x', 401],
])(
  '%s without a key is answered before its body has come, and then its connection is good',
  async (request, status) => {
    const socket = await open()
    let text = ''
    socket.on('error', () => {}).on('data', (chunk) => (text += chunk))
    const statuses = (count: number) =>
      poll(
        async () => text.match(/(?<=HTTP\/1\.1 )\d+/g)?.map(Number) ?? [],
        ({ length }) => length === count,
      )
    const type = 'content-type: application/json\r\n'
    socket.write(`${request} HTTP/1.1\r\n${host}${type}content-length: 100000\r\n\r\n${'x'.repeat(1_000)}`)
    expect(await statuses(1)).toEqual([status])
    // A reset would take the answer from a client, or a proxy, that is still sending.
    socket.write(`${'x'.repeat(99_000)}GET /healthz HTTP/1.1\r\n${host}\r\n`)
    expect(await statuses(2)).toEqual([status, 200])
    socket.destroy()
  },
)

test.each([
  ['a UUID', '0c1e2a5e-1b7f-4f61-9a63-0a8f6a7c1d11', true],
  ['what a load balancer sends', 'Root=1-67891233-abcdef012345678912345678', true],
  ['128 characters', 'x'.repeat(128), true],
  ['129 characters', 'x'.repeat(129), false],
  ['nothing', '', false],
  ['two words', 'two words', false],
  ['a quote', 'a"b', false],
  ['a letter that is not in ASCII', '\u00e9', false],
])('%s as x-request-id', async (_, given, isTaken) => {
  const { headers } = await fetch(`${running.api.url}/healthz`, { headers: { 'x-request-id': given } })
  const requestId = headers.get('x-request-id')!
  if (isTaken) expect(requestId).toBe(given)
  else expect(requestId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  const answered = await poll(
    async () => running.logs.find((line) => line.requestId === requestId),
    (line) => line !== undefined,
  )
  expect(answered).toMatchObject({ msg: 'request.answered', route: '/healthz' })
})

/** Some 900 KB of each kind of value, marked so that what comes back of it can be counted. */
const mark = '§'
const junk = {
  text: mark.repeat(400_000),
  list: Array.from({ length: 40_000 }, (_, n) => `${mark.repeat(4)}${n}`),
  things: Array.from({ length: 20_000 }, () => ({ [mark.repeat(5)]: mark })),
  names: Object.fromEntries(Array.from({ length: 30_000 }, (_, n) => [`${mark.repeat(6)}${n}`, mark])),
}
const bodies: [path: string, field: string, around: Record<string, unknown>][] = [
  ['', 'settings', { name: 'A' }],
  ['/APP/subscribers', 'tags', { platform: 'android', token: 'x' }],
  ['/APP/subscribers', 'metadata', { platform: 'android', token: 'x' }],
  ['/APP/subscribers', 'token', { platform: 'android' }],
  ['/APP/subscribers', 'platform', { token: 'x' }],
  ['/APP/notifications', 'data', { title: 'T' }],
  ['/APP/notifications', 'actions', { title: 'T' }],
  ['/APP/notifications', 'targeting', { title: 'T' }],
  ['/APP/notifications', 'scheduled_at', { title: 'T' }],
  ['/APP/webhooks', 'events', { url: 'https://127.0.0.1:9/x', headers: { [`${mark.repeat(99)}`]: 'x' } }],
  ['/APP/webhooks', 'headers', { url: 'https://127.0.0.1:9/x', events: [mark.repeat(300)] }],
  ['/APP/webhooks', 'filter', { url: 'https://127.0.0.1:9/x', events: [mark.repeat(300)] }],
  ['/APP/webhooks', 'retry_schedule', { url: 'https://127.0.0.1:9/x' }],
  ['/APP/webhooks', 'url', {}],
]

test('an answer to any junk is short, and has at most 200 characters of it', async () => {
  const { id } = (await running.api.post('/push/apps', { name: 'A' })).body.data
  for (const [path, field, around] of bodies) {
    for (const [kind, value] of Object.entries(junk)) {
      const at = `/push/apps${path.replace('APP', id)}`
      const { status, headers, body } = await running.api.post(at, { ...around, [field]: value })
      const text = JSON.stringify(body)
      const shown = text.split(mark).length - 1
      expect({ path, field, kind, status, shown }).toEqual({
        path,
        field,
        kind,
        status: 422,
        shown: Math.min(shown, 200),
      })
      expect(text.length).toBeLessThan(3_000)
      expect((headers.get('x-krafter-ignored') ?? '').length).toBeLessThanOrEqual(200)
    }
  }
  const stream = await running.api.get(
    `/push/apps/${id}/events/stream?event=${encodeURIComponent(mark.repeat(900))}`,
  )
  expect(stream.status).toBe(422)
  expect(JSON.stringify(stream.body).length).toBeLessThan(200)
})

test('a request that began to come before the service is told to stop is answered as ever', async () => {
  const socket = await open()
  const answered = readAnswer(socket)
  socket.write(`GET /readyz HTTP/1.1\r\n${host}x-request-id: late\r\n`)
  // A round trip later it has been read.
  await fetch(`${running.api.url}/healthz`)
  const ended = stop()
  await poll(
    () =>
      fetch(`${running.api.url}/healthz`).then(
        () => 'answers',
        () => 'closed',
      ),
    (state) => state === 'closed',
  )
  socket.write('\r\n')
  const { status, headers, body } = await answered
  expect({ status, body }).toEqual({ status: 503, body: { status: 'draining' } })
  expect(headers).toMatch(/\r\nx-request-id: late\r\n/)
  await ended
})
