import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultRetryScheduleSeconds } from '../../config/config.ts'
import { decideAfterAttempt } from './retry-policy.ts'

const failure = { succeeded: false, gone: false, retryAfterSeconds: null }

describe('decideAfterAttempt', () => {
  test.each([1, 2, 3, 4])('failed attempt %i waits 2^n + 15 seconds', (attempt) => {
    expect(decideAfterAttempt(attempt, failure, defaultRetryScheduleSeconds, 0.5)).toEqual({
      kind: 'retry',
      delaySeconds: 2 ** attempt + 15,
    })
  })

  test.each([
    [0, 17 * 0.8],
    [0.25, 17 * 0.9],
    [1, 17 * 1.2],
  ])('with %d as chance the first wait is %d seconds', (random, delaySeconds) => {
    const decision = decideAfterAttempt(1, failure, defaultRetryScheduleSeconds, random)
    expect(decision).toEqual({ kind: 'retry', delaySeconds: expect.closeTo(delaySeconds) })
  })

  test('the shortest wait is no shorter than what the receiver asked for', () => {
    const asking = { ...failure, retryAfterSeconds: 16 }
    expect(decideAfterAttempt(1, asking, defaultRetryScheduleSeconds, 0)).toEqual({
      kind: 'retry',
      delaySeconds: 16,
    })
  })

  test('the fifth failed attempt is the last', () => {
    expect(decideAfterAttempt(5, failure, defaultRetryScheduleSeconds, 0.5)).toEqual({ kind: 'failed' })
  })

  test('a success ends it at any attempt', () => {
    expect(decideAfterAttempt(5, { ...failure, succeeded: true }, defaultRetryScheduleSeconds, 0.5)).toEqual({
      kind: 'succeeded',
    })
  })

  test('410 Gone is final at once', () => {
    expect(decideAfterAttempt(1, { ...failure, gone: true }, defaultRetryScheduleSeconds, 0.5)).toEqual({
      kind: 'failed',
    })
  })

  test('an empty schedule means one attempt', () => {
    expect(decideAfterAttempt(1, failure, [], 0.5)).toEqual({ kind: 'failed' })
  })

  test('within 20 % of the schedule, and never before what the receiver asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.option(fc.integer({ min: 0, max: 100_000 })),
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        (attempt, retryAfterSeconds, random) => {
          const decision = decideAfterAttempt(
            attempt,
            { ...failure, retryAfterSeconds },
            defaultRetryScheduleSeconds,
            random,
          )
          if (decision.kind !== 'retry') throw new Error('expected a retry')
          const wait = 2 ** attempt + 15
          const asked = Math.min(retryAfterSeconds ?? 0, 3_600)
          expect(decision.delaySeconds).toBeGreaterThanOrEqual(Math.max(wait * 0.8, asked))
          expect(decision.delaySeconds).toBeLessThanOrEqual(Math.max(wait * 1.2, asked))
        },
      ),
    )
  })
})
