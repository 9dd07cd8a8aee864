import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OutboundResult } from '../../outbound/outbound.ts'
import { classify, refusesTopic } from './classify.ts'

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

  test.each([406, 408, 429, 500, 502, 503, 504, 599])('%i is tried again', (status) => {
    expect(classify(answer(status), now)).toMatchObject({ kind: 'retry', status, afterSeconds: null })
  })

  test.each([
    ['120', 120],
    ['Sun, 01 Jun 2025 08:02:00 GMT', 120],
    ['86400', 3_600],
    ['0', null],
    ['-30', null],
    ['99999999999999999999', 3_600],
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

  test.each([
    ['received', { kind: 'sent', status: 200 }],
    ['channelThrottled', { kind: 'retry', status: 200, afterSeconds: 7 }],
    ['channelthrottled', { kind: 'retry', status: 200, afterSeconds: 7 }],
    ['dropped', { kind: 'rejected', status: 200, reason: 'rejected' }],
  ])('200 of WNS with %s', (status, outcome) => {
    const headers = { 'x-wns-notificationstatus': status, 'retry-after': '7' }
    expect(classify(answer(200, headers), now)).toMatchObject(outcome)
  })

  test.each<[string, number, Record<string, string>, string, string]>([
    ['Apple', 403, { 'apns-id': 'A1' }, '{"reason":"BadExpirationDate"}', 'BadExpirationDate (apns-id A1)'],
    [
      'Mozilla',
      400,
      {},
      '{"code":400,"errno":113,"error":"Bad Request","message":"Invalid Topic header"}',
      'Invalid Topic header',
    ],
    ['FCM', 400, {}, '{"error":{"code":400,"message":"Bad token","status":"X"}}', 'Bad token'],
    ['anybody', 400, {}, '{"error":"no such thing"}', 'no such thing'],
    ['anybody', 400, {}, '{"code":7}', '{"code":7}'],
    ['anybody', 400, {}, '[1]', '[1]'],
    ['anybody', 400, {}, 'null', 'null'],
    [
      'WNS',
      400,
      {
        'x-wns-error-description': 'Ttl value conflicts with X-WNS-Cache-Policy.',
        'x-wns-notificationstatus': 'dropped',
        'x-wns-msg-id': '73B9',
        'x-wns-debug-trace': 'BN1',
      },
      '',
      'Ttl value conflicts with X-WNS-Cache-Policy.; dropped (x-wns-msg-id 73B9, x-wns-debug-trace BN1)',
    ],
    ['WNS', 406, { 'x-wns-status': 'received' }, '', ''],
  ])('says why as %s put it: %i', (_, status, headers, body, why) => {
    expect(classify(answer(status, headers, body), now)).toMatchObject({
      error: `the push service answered ${status}${why && `: ${why}`}`,
    })
  })

  test.each([
    [403, '{"reason":"VapidPkHashMismatch"}'],
    [400, '{"reason":"VapidPkHashMismatch"}'],
    [403, '{"reason":"BadJwtToken"}'],
    [401, '{"code":401,"errno":109,"error":"Unauthorized","message":"VAPID public key mismatch"}'],
    [
      403,
      'the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscriptions.',
    ],
    [
      403,
      'the key in the authorization header does not correspond to the sender ID used to subscribe this user.',
    ],
  ])('%i names the key pair: %s', (status, body) => {
    expect(classify(answer(status, {}, body), now)).toMatchObject({
      kind: 'rejected',
      status,
      reason: 'rejected',
      keyRefusal: { acceptedAt: null },
    })
  })

  test.each([
    [403, '{"reason":"ExpiredJwtToken"}'],
    [401, '{"errno":109,"message":"Invalid VAPID expiry"}'],
    [400, '{"reason":"BadWebPushTopic"}'],
    [403, ''],
    [404, '{"reason":"VapidPkHashMismatch"}'],
    [413, '{"reason":"VapidPkHashMismatch"}'],
    [503, '{"reason":"VapidPkHashMismatch"}'],
  ])('%i does not name the key pair: %s', (status, body) => {
    expect(classify(answer(status, {}, body), now)).not.toHaveProperty('keyRefusal')
  })

  test.each<[boolean, OutboundResult]>([
    [true, answer(400, {}, '{"reason":"BadWebPushTopic"}')],
    [true, answer(400, {}, '{"errno":113,"message":"Invalid Topic"}')],
    [false, answer(400, {}, '{"reason":"BadTtl"}')],
    [false, answer(403, {}, 'topic')],
    [false, answer(201)],
    [false, { ok: false, error: 'protocol', reason: 'topic' }],
  ])('whether the topic is refused: %s', (refused, result) => {
    expect(refusesTopic(result)).toBe(refused)
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
