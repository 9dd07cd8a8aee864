import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OutboundResult } from '../../outbound/outbound.ts'
import { classify } from './classify.ts'

const now = new Date('2025-06-01T08:00:00Z')

function answer(status: number, headers = {}, body = ''): OutboundResult {
  return { ok: true, answer: { status, headers, body: Buffer.from(body) } }
}

describe('an answer', () => {
  test.each([200, 201, 202, 204])('%i is sent', (status) => {
    expect(classify(answer(status), now)).toEqual({ kind: 'sent', status })
  })

  test.each([404, 410])('%i is gone', (status) => {
    expect(classify(answer(status), now)).toEqual({ kind: 'gone', status })
  })

  test.each([408, 429, 500, 502, 503, 504, 599])('%i is tried again', (status) => {
    expect(classify(answer(status), now)).toMatchObject({ kind: 'retry', status, afterSeconds: null })
  })

  test.each([
    ['120', 120],
    ['Sun, 01 Jun 2025 08:02:00 GMT', 120],
    ['86400', 3_600],
    ['0', 0],
    ['soon', null],
    [['30', '40'], 40],
  ])('Retry-After %s means %s s', (value, afterSeconds) => {
    expect(classify(answer(503, { 'retry-after': value }), now)).toMatchObject({
      kind: 'retry',
      afterSeconds,
    })
  })

  test('413 is too large', () => {
    expect(classify(answer(413), now)).toMatchObject({ kind: 'rejected', status: 413, reason: 'too_large' })
  })

  test.each([203, 301, 302, 307, 308, 400, 401, 403, 405, 422, 451])('%i is rejected', (status) => {
    expect(classify(answer(status), now)).toMatchObject({ kind: 'rejected', status, reason: 'rejected' })
  })

  test('says in a short line what the push service said', () => {
    const body = `{"reason":\n\t"BadJwtToken"}\u0000${'x'.repeat(1_000)}`
    const outcome = classify(answer(403, {}, body), now)
    expect(outcome).toMatchObject({
      error: expect.stringMatching(/^the push service answered 403: .*BadJwtToken/),
    })
    expect('error' in outcome && outcome.error.length).toBeLessThan(250)
  })

  test('any status has an outcome that carries it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 999 }),
        (status) => classify(answer(status), now).status === status,
      ),
    )
  })
})

describe('no answer', () => {
  test.each(['timeout', 'dns', 'connect', 'tls', 'aborted', 'protocol'] as const)(
    '%s is tried again',
    (error) => {
      const outcome = classify({ ok: false, error, reason: 'why' }, now)
      expect(outcome).toEqual({ kind: 'retry', status: null, afterSeconds: null, error: `${error}: why` })
    },
  )

  test('a refused address is rejected', () => {
    const outcome = classify({ ok: false, error: 'refused_address', reason: 'why' }, now)
    expect(outcome).toMatchObject({ kind: 'rejected', status: null, reason: 'rejected' })
  })
})
