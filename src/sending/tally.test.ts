import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../channels/outcome.ts'
import type { TimeLeft } from './push-lifetime.ts'
import { countByReason, tallyOutcomes as tally } from './tally.ts'

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
const deferred: Outcome = { kind: 'deferred', status: null, afterSeconds: 30, error: 'paused' }
const tallyOutcomes = (
  outcomes: Parameters<typeof tally>[0],
  attempt: number,
  seconds: number,
  reason: TimeLeft['reason'] = 'expired',
) => tally(outcomes, { attempt, left: { seconds, reason }, random: 0.5 })
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
      retries: [{ delaySeconds: 5, attempt: 2, subscriberIds: ['s3'] }],
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

  test('what was not attempted comes back as the same attempt', () => {
    const { retries } = tallyOutcomes(outcomesOf(deferred, retry(30)), 3, day)
    expect(retries).toEqual([
      { delaySeconds: 30, attempt: 3, subscriberIds: ['s0'] },
      { delaySeconds: 30, attempt: 4, subscriberIds: ['s1'] },
    ])
  })

  test('subscribers with different waits come back at different times', () => {
    const { retries } = tallyOutcomes(outcomesOf(retry(300), retry(30), retry(300)), 1, day)
    expect(retries).toEqual([
      { delaySeconds: 300, attempt: 2, subscriberIds: ['s0', 's2'] },
      { delaySeconds: 30, attempt: 2, subscriberIds: ['s1'] },
    ])
  })

  test.each(['expired', 'unreachable'] as const)(
    'what there is no time left for is given up as %s',
    (reason) => {
      expect(tallyOutcomes(outcomesOf(retry(30)), 1, 30, reason)).toMatchObject({
        failed: 1,
        failures: [{ subscriberId: 's0', reason, status: 503 }],
        retries: [],
      })
    },
  )

  test('what failed is counted by reason', () => {
    const { failures } = tallyOutcomes(outcomesOf(gone, rejected, gone, sent), 1, day)
    expect(countByReason(failures)).toEqual({ gone: 2, too_large: 1 })
  })

  test('every subscriber is counted once or tried again, never both', () => {
    const outcome = fc.oneof(
      fc.constantFrom(sent, gone, rejected, deferred),
      fc.option(fc.nat(10_000)).map((afterSeconds) => retry(afterSeconds)),
    )
    fc.assert(
      fc.property(
        fc.array(outcome),
        fc.integer({ min: 1, max: 1_000 }),
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
