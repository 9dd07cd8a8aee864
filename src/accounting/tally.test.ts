import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../channels/channel.ts'
import { countByReason, maxAttempts, tallyOutcomes } from './tally.ts'

const day = 86_400
const sent: Outcome = { kind: 'sent', status: 201 }
const gone: Outcome = { kind: 'gone', status: 410 }
const rejected: Outcome = { kind: 'rejected', status: 413, reason: 'too_large', error: 'too large' }
const retry = (afterSeconds: number | null): Outcome => ({
  kind: 'retry',
  status: 503,
  afterSeconds,
  error: 'the push service answered 503',
})
const outcomesOf = (...outcomes: Outcome[]) =>
  outcomes.map((outcome, index) => ({
    subscriberId: `s${index}`,
    userId: `u${index}`,
    platform: 'web' as const,
    outcome,
  }))

describe('tallyOutcomes', () => {
  test('counts what is final and keeps what is not', () => {
    expect(tallyOutcomes(outcomesOf(sent, gone, rejected, retry(null)), 1, day)).toEqual({
      sent: 1,
      failed: 2,
      gone: ['s1'],
      retries: [{ delaySeconds: 15, subscriberIds: ['s3'] }],
      failures: [
        {
          subscriberId: 's1',
          userId: 'u1',
          platform: 'web',
          reason: 'gone',
          status: 410,
          error: 'the push service answered 410: the subscription is gone',
        },
        {
          subscriberId: 's2',
          userId: 'u2',
          platform: 'web',
          reason: 'too_large',
          status: 413,
          error: 'too large',
        },
      ],
      firstError: 'the push service answered 410: the subscription is gone',
    })
  })

  test.each([
    [1, 15],
    [2, 30],
    [3, 60],
    [7, 960],
  ])('attempt %i backs off %i seconds', (attempt, delaySeconds) => {
    expect(tallyOutcomes(outcomesOf(retry(null)), attempt, day).retries[0]!.delaySeconds).toBe(delaySeconds)
  })

  test('Retry-After is honoured, up to an hour', () => {
    expect(tallyOutcomes(outcomesOf(retry(120)), 1, day).retries[0]!.delaySeconds).toBe(120)
    expect(tallyOutcomes(outcomesOf(retry(100_000)), 1, day).retries[0]!.delaySeconds).toBe(3_600)
  })

  test('subscribers with different waits come back at different times', () => {
    const { retries } = tallyOutcomes(outcomesOf(retry(300), retry(30), retry(300)), 1, day)
    expect(retries).toEqual([
      { delaySeconds: 300, subscriberIds: ['s0', 's2'] },
      { delaySeconds: 30, subscriberIds: ['s1'] },
    ])
  })

  test('what would come after the time to live has expired', () => {
    expect(tallyOutcomes(outcomesOf(retry(null)), 1, 10)).toMatchObject({
      failed: 1,
      failures: [{ subscriberId: 's0', reason: 'expired', status: 503 }],
      retries: [],
    })
  })

  test('a retry that would come exactly when the time to live ends has expired', () => {
    const boundarySeconds = 15
    expect(tallyOutcomes(outcomesOf(retry(null)), 1, boundarySeconds)).toMatchObject({
      failures: [{ subscriberId: 's0', reason: 'expired', status: 503 }],
      retries: [],
    })
    expect(tallyOutcomes(outcomesOf(retry(null)), 1, boundarySeconds + 0.001)).toMatchObject({
      failures: [],
      retries: [{ delaySeconds: boundarySeconds, subscriberIds: ['s0'] }],
    })
  })

  test('the last attempt has no other after it', () => {
    expect(tallyOutcomes(outcomesOf(retry(null)), maxAttempts, day)).toMatchObject({
      failed: 1,
      failures: [{ subscriberId: 's0', reason: 'unreachable', status: 503 }],
      retries: [],
    })
  })

  test('what failed is counted by reason', () => {
    const { failures } = tallyOutcomes(outcomesOf(gone, rejected, gone, sent), 1, day)
    expect(countByReason(failures)).toEqual({ gone: 2, too_large: 1 })
  })

  test('every subscriber is counted once or tried again, never both', () => {
    const outcome = fc.oneof(
      fc.constantFrom(sent, gone, rejected),
      fc.option(fc.nat(10_000)).map((afterSeconds) => retry(afterSeconds)),
    )
    fc.assert(
      fc.property(
        fc.array(outcome),
        fc.integer({ min: 1, max: maxAttempts }),
        fc.integer({ min: -10, max: day }),
        (outcomes, attempt, secondsLeft) => {
          const tally = tallyOutcomes(outcomesOf(...outcomes), attempt, secondsLeft)
          const retried = tally.retries.reduce((sum, group) => sum + group.subscriberIds.length, 0)
          expect(tally.sent + tally.failed + retried).toBe(outcomes.length)
          expect(tally.failures).toHaveLength(tally.failed)
        },
      ),
    )
  })
})
