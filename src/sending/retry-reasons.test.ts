import { expect, test } from 'vitest'
import type { Outcome } from '../channels/outcome.ts'
import { describeRetries, retryReasons } from './retry-reasons.ts'

const retry = (status: number | null, error: string): Outcome => ({
  kind: 'retry',
  status,
  afterSeconds: null,
  error,
})
const busy = retry(503, 'the push service answered 503: busy (apns-id 1)')
const busyToo = retry(503, 'the push service answered 503: busy (apns-id 2)')
const hanging = retry(null, 'timeout: no answer within 10 s')
const sent: Outcome = { kind: 'sent', status: 201 }

function reasonsOf(...outcomes: Outcome[]) {
  const entries = outcomes.map((outcome, index) => ({ subscriberId: `s${index}`, outcome }))
  return retryReasons(entries, new Set(entries.map(({ subscriberId }) => subscriberId)))
}

test('what is retried is told by status, or by the kind of failure, the most frequent first', () => {
  expect(reasonsOf(hanging, busy, sent, busyToo)).toEqual([
    { status: 503, error: 'the push service answered 503: busy (apns-id 1)', count: 2 },
    { status: null, error: 'timeout: no answer within 10 s', count: 1 },
  ])
})

test('what is given up is not retried', () => {
  const entries = [busy, hanging].map((outcome, index) => ({ subscriberId: `s${index}`, outcome }))
  expect(retryReasons(entries, new Set(['s1']))).toMatchObject([{ status: null, count: 1 }])
})

test('at most five reasons are told', () => {
  expect(reasonsOf(...[500, 501, 502, 503, 504, 505].map((status) => retry(status, '')))).toHaveLength(5)
})

test.each<[Outcome[], string | null]>([
  [[sent], null],
  [[busy], '1 push is being retried: the push service answered 503: busy (apns-id 1)'],
  [[busy, busyToo], '2 pushes are being retried: the push service answered 503: busy (apns-id 1)'],
  [
    [hanging, busy, busyToo],
    '3 pushes are being retried: the push service answered 503: busy (apns-id 1) (2); timeout: no answer within 10 s (1)',
  ],
])('in words: %#', (outcomes, words) => {
  expect(describeRetries(reasonsOf(...outcomes))).toBe(words)
})
