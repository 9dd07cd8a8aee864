import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type LocalServer, startLocalServer } from '../../test/support/local-server.ts'
import {
  ConnectionError,
  Krafter,
  RateLimitError,
  ServerError,
  TimeoutError,
  toApiError,
  UnavailableError,
  UnexpectedAnswerError,
} from './index.ts'
import { readRetryAfter, retryWait } from './retry.ts'

let local: LocalServer
let krafter: Krafter

const appId = '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11'
const app = JSON.stringify({ data: { id: appId } })

beforeAll(async () => {
  local = await startLocalServer()
  krafter = new Krafter({ url: local.url, apiKey: 'kr_live_x' })
})

afterAll(() => local.stop())

beforeEach(() => {
  local.requests.length = 0
})

/** Answers one request after the other; a null breaks its connection. */
function answerWith(
  ...answers: ([status: number, body?: string, headers?: Record<string, string>] | null)[]
) {
  local.answer = (_, response) => {
    const answer = answers.shift()
    if (!answer) return void response.destroy()
    const [status, body = '', headers = {}] = answer
    response.writeHead(status, headers).end(body)
  }
}

const failure = (call: PromiseLike<unknown>) =>
  call.then(
    () => expect.unreachable(),
    (error) => error,
  )

test('a POST is sent again with the same key, and the next POST has another', async () => {
  answerWith(null, [503, '{"error":"Service unavailable"}', { 'retry-after': '0' }], [201, app], [201, app])
  expect(await krafter.apps.create({ name: 'x' })).toEqual({ id: appId })
  await krafter.apps.create({ name: 'x' })
  const keys = local.requests.map(({ headers }) => headers['idempotency-key'])
  expect(keys[0]).toMatch(/^[\da-f]{32}$/)
  expect(keys).toEqual([keys[0], keys[0], keys[0], expect.not.stringContaining(keys[0]!)])
})

test('a PATCH that may have been done is not sent again', async () => {
  answerWith([500, '{"error":"Internal server error"}'])
  const error = await failure(krafter.apps.update(appId, { name: 'x' }))
  expect(error).toBeInstanceOf(ServerError)
  answerWith(null)
  expect(await failure(krafter.apps.update(appId, { name: 'x' }))).toBeInstanceOf(ConnectionError)
  expect(local.requests).toHaveLength(2)
  answerWith([429, '{"error":"Rate limit exceeded","retry_after":0}'], [200, app])
  expect(await krafter.apps.update(appId, { name: 'x' })).toEqual({ id: appId })
})

test('a DELETE whose answer was lost finds nothing the next time, and has succeeded', async () => {
  answerWith(null, [404, '{"error":"Not found"}'])
  expect(await krafter.apps.delete(appId)).toBeUndefined()
  answerWith([404, '{"error":"Not found"}'])
  expect(await failure(krafter.apps.delete(appId))).toMatchObject({ code: 'not_found' })
})

test('what is asked to wait longer than a minute, or not to try again, fails at once', async () => {
  answerWith([429, '{"error":"Rate limit exceeded","retry_after":90}'])
  const limited = await failure(krafter.apps.list())
  expect(limited).toBeInstanceOf(RateLimitError)
  expect(limited.retryAfter).toBe(90)
  answerWith([503, '{"error":"Service unavailable"}', { 'x-request-id': 'abc' }])
  const unavailable = await failure(krafter.apps.list({}, { maxRetries: 0 }))
  expect(unavailable).toBeInstanceOf(UnavailableError)
  expect(unavailable.requestId).toBe('abc')
  expect(local.requests).toHaveLength(2)
})

test('time runs out, and a signal ends what is under way, waits included', async () => {
  local.answer = () => {}
  const late = await failure(krafter.apps.list({}, { timeoutMs: 50, maxRetries: 0 }))
  expect(late).toBeInstanceOf(TimeoutError)
  const reason = new Error('enough')
  const first = new AbortController()
  setTimeout(() => first.abort(reason), 50)
  expect(await failure(krafter.apps.read(appId, { signal: first.signal }))).toBe(reason)
  answerWith([503, '{"error":"Service unavailable"}', { 'retry-after': '30' }])
  const second = new AbortController()
  setTimeout(() => second.abort(reason), 50)
  expect(await failure(krafter.apps.read(appId, { signal: second.signal }))).toBe(reason)
  expect(await failure(krafter.apps.read(appId, { signal: AbortSignal.abort(reason) }))).toBe(reason)
})

test('an address that is not the service is said to be so, and the key goes nowhere else', async () => {
  answerWith([302, '', { location: 'https://elsewhere.example/' }])
  const moved = await failure(krafter.apps.list())
  expect(moved).toBeInstanceOf(UnexpectedAnswerError)
  expect(moved.message).toContain('redirects to https://elsewhere.example/')
  answerWith([200, '<html>'])
  const page = await failure(krafter.apps.list())
  expect(page).toBeInstanceOf(UnexpectedAnswerError)
  answerWith([200, '{}', { 'content-type': 'application/json' }])
  const stream = krafter.events.follow(appId)[Symbol.asyncIterator]()
  expect(await failure(stream.next())).toBeInstanceOf(UnexpectedAnswerError)
  const nowhere = new Krafter({ url: 'http://127.0.0.1:65535', apiKey: 'kr_live_x', maxRetries: 0 })
  const unreachable = await failure(nowhere.apps.list())
  expect(unreachable.message).toMatch(
    /^GET \/push\/apps: no answer from http:\/\/127\.0\.0\.1:65535 \(.*ECONNREFUSED/,
  )
  expect(JSON.stringify(unreachable) + unreachable.stack).not.toContain('kr_live_x')
})

test('a session in place of a key: no authorization, cookies as asked for, headers of the page', async () => {
  const inits: RequestInit[] = []
  const inBrowser = new Krafter({
    url: local.url,
    credentials: 'include',
    headers: { 'x-csrf-token': 'abc' },
    fetch: (url, init) => {
      inits.push(init)
      return fetch(url, init)
    },
  })
  answerWith([200, '{"data":[],"next_cursor":null}'])
  expect(await inBrowser.apps.list()).toEqual({ data: [], next_cursor: null })
  expect(inits[0]).toMatchObject({ credentials: 'include', redirect: 'manual' })
  expect(inits[0]!.headers).toEqual({ accept: 'application/json', 'x-csrf-token': 'abc' })
})

test.each([
  // status, repeatable, failures, Retry-After; the least and the most to wait
  [429, false, 0, 2, [2_000, 2_500]],
  [408, false, 0, undefined, [250, 500]],
  [500, false, 0, undefined, undefined],
  [500, true, 1, undefined, [500, 1_000]],
  [502, true, 2, undefined, [1_000, 2_000]],
  [504, true, 9, undefined, [4_000, 8_000]],
  [503, true, 0, 60, [60_000, 60_500]],
  [503, true, 0, 61, undefined],
  [404, true, 0, undefined, undefined],
  [422, true, 0, 1, undefined],
] as const)(
  '%i, repeatable %s, after %i failures, Retry-After %s',
  (status, isRepeatable, failures, retryAfter, wait) => {
    const answer = { status, error: 'x', details: undefined, retryAfter, requestId: undefined }
    const error = toApiError('GET /x', answer)
    const waits = [0, 1].map((random) => retryWait(error, isRepeatable, failures, () => random))
    expect(waits).toEqual(wait ?? [undefined, undefined])
  },
)

test.each([
  ['0', 0],
  ['23', 23],
  ['Mon, 01 Jun 2026 08:00:05 GMT', 5],
  ['Mon, 01 Jun 2026 07:00:00 GMT', 0],
  ['soon', undefined],
  [null, undefined],
])('Retry-After: %s', (value, seconds) => {
  expect(readRetryAfter(value, Date.parse('2026-06-01T08:00:00Z'))).toBe(seconds)
})

test('the bundle is below 6 kB, gzipped', async () => {
  const bundle = await rolldown({ input: fileURLToPath(new URL('index.ts', import.meta.url)) })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  expect(output).toHaveLength(1)
  const bytes = gzipSync(output[0].code, { level: 9 }).length
  expect(bytes).toBeGreaterThan(2_000)
  expect(bytes).toBeLessThan(6_000)
})
