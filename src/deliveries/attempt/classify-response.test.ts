import { describe, expect, test } from 'vitest'
import { classifyResponse } from './classify-response.ts'

const now = new Date('2026-01-01T00:00:00Z')
const answer = (status: number, headers = {}, body = '') =>
  classifyResponse({ ok: true, answer: { status, headers, body: Buffer.from(body) } }, now)

describe('classifyResponse', () => {
  test.each([200, 201, 202, 204, 299])('%i is a success', (status) => {
    expect(answer(status)).toMatchObject({ succeeded: true, error: null, status })
  })

  test.each([199, 300, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503])(
    '%i is a failure',
    (status) => {
      expect(answer(status)).toMatchObject({ succeeded: false, error: 'status', status })
    },
  )

  test('only 410 is gone', () => {
    expect(answer(410).gone).toBe(true)
    expect(answer(404).gone).toBe(false)
  })

  test.each([
    [429, '120', 120],
    [503, 'Thu, 01 Jan 2026 00:01:00 GMT', 60],
    [500, '120', null],
    [200, '120', null],
    [429, 'soon', null],
  ])('%i with Retry-After %s asks to wait %s', (status, value, expected) => {
    expect(answer(status, { 'retry-after': value }).retryAfterSeconds).toBe(expected)
  })

  test('no answer keeps the word for why', () => {
    expect(classifyResponse({ ok: false, error: 'timeout', reason: 'x' }, now)).toEqual({
      succeeded: false,
      gone: false,
      status: null,
      error: 'timeout',
      reason: 'x',
      responseBody: null,
      retryAfterSeconds: null,
    })
  })

  test('an answer is kept as text that PostgreSQL can hold', () => {
    expect(answer(500, {}, 'a\0b').responseBody).toBe('a\uFFFDb')
    expect(answer(200).responseBody).toBeNull()
  })
})
