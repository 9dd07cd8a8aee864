import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, type TestStorage } from '../support/backends.ts'
import { startTestService, type TestService } from '../support/service.ts'

const settings = { KRAFTER_REQUEST_TIMEOUT_MS: '300' }

let storage: TestStorage
let running: TestService

beforeAll(async () => {
  storage = makeDataFolder()
  running = await startTestService(storage, settings, ['api'])
})

afterAll(async () => {
  await running.stop()
  await storage.drop()
})

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
  let text = ''
  socket.on('data', (chunk) => (text += chunk))
  await once(socket, 'close')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), headers: head.toLowerCase(), body: JSON.parse(body) }
}

const host = 'host: service\r\n'

test.each([
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
  expect(running.logs.slice(logged).filter(({ level }) => level === 'error')).toEqual([])
})

test('a body that never comes ends its connection, though its answer has come', async () => {
  const socket = await open()
  socket.on('error', () => {}).resume()
  const started = performance.now()
  socket.write(
    `POST /api/v1/push/apps HTTP/1.1\r\n${host}content-type: application/json\r\ncontent-length: 9\r\n\r\n`,
  )
  await once(socket, 'close')
  expect(performance.now() - started).toBeLessThan(3_000)
})
