import type { FailureReason, Outcome } from '../channels/outcome.ts'
import type { Platform } from '../database.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { nextDelaySeconds, type TimeLeft } from './push-lifetime.ts'

/** The fields of a subscriber that accounting needs. */
export interface Addressee {
  subscriberId: string
  userId: string | null
  platform: Platform
}

/** A subscriber to which this notification will not be tried again. */
export interface Failure extends Addressee {
  reason: FailureReason
  /** The provider's last HTTP status; null when it gave none. */
  status: number | null
  /** The error, in words. */
  error: string
}

/** Subscribers to retry at the same time. */
export interface Retry {
  delaySeconds: number
  /** Number of the next attempt, from 1. */
  attempt: number
  subscriberIds: string[]
}

/** The totals of a page's outcomes. */
export interface Tally {
  sent: number
  failed: number
  /** Subscribers whose token is gone; they are also counted in `failed`. */
  gone: string[]
  /** Not yet counted in `sent` or `failed`. */
  retries: Retry[]
  /** One for each subscriber counted in `failed`. */
  failures: Failure[]
  /** The error of the first failure, for people. */
  firstError: string | null
}

export interface TallyContext {
  /** Number of the attempt that had these outcomes, from 1. */
  attempt: number
  /** How long the push may still be tried; see push-lifetime.ts. */
  left: TimeLeft
  /** In [0, 1): spreads retries that would otherwise be due at the same moment. */
  random: number
}

/**
 * Adds up the outcomes of a page. A push that may succeed later is retried while it has time left. A push that was not
 * attempted keeps its attempt number.
 *
 * @param outcomes one per subscriber
 */
export function tallyOutcomes(
  outcomes: readonly (Addressee & { outcome: Outcome })[],
  { attempt, left, random }: TallyContext,
): Tally {
  const tally: Tally = { sent: 0, failed: 0, gone: [], retries: [], failures: [], firstError: null }
  const retries = new Map<string, Retry>()
  for (const { outcome, ...addressee } of outcomes) {
    const fail = (reason: FailureReason, error: string) => {
      tally.failed += 1
      tally.failures.push({ ...addressee, reason, status: outcome.status, error })
      tally.firstError ??= error
    }
    switch (outcome.kind) {
      case 'sent':
        tally.sent += 1
        break
      case 'gone':
        tally.gone.push(addressee.subscriberId)
        fail('gone', `the push service answered ${outcome.status}: the subscription is gone`)
        break
      case 'rejected':
        fail(outcome.reason, outcome.error)
        break
      default: {
        const wasAttempted = outcome.kind === 'retry'
        const delaySeconds = nextDelaySeconds(
          wasAttempted ? attempt : null,
          outcome.afterSeconds,
          left.seconds,
          random,
        )
        if (delaySeconds === null) {
          fail(left.reason, outcome.error)
        } else {
          const next = wasAttempted ? attempt + 1 : attempt
          const retry = { delaySeconds, attempt: next, subscriberIds: [] }
          getOrInsert(retries, `${delaySeconds} ${next}`, () => retry).subscriberIds.push(
            addressee.subscriberId,
          )
        }
      }
    }
  }
  tally.retries = [...retries.values()]
  return tally
}

/** Number of failures for each reason. */
export function countByReason(failures: readonly Failure[]): Partial<Record<FailureReason, number>> {
  const counts: Partial<Record<FailureReason, number>> = {}
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/**
 * Whether no push was attempted and all are retried at the same time, as when a push service is down.
 *
 * @param attempt number of the attempt that had these outcomes
 */
export function isAllDeferred({ sent, failed, retries }: Tally, attempt: number): boolean {
  return sent + failed === 0 && retries.length === 1 && retries[0]!.attempt === attempt
}
