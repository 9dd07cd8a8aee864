import type { FailureReason, Outcome } from '../channels/outcome.ts'
import type { Platform } from '../database.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { nextDelaySeconds, type TimeLeft } from './push-lifetime.ts'

/** A subscriber, as far as accounting needs to know it. */
export interface Addressee {
  subscriberId: string
  userId: string | null
  platform: Platform
}

/** A subscriber that is given up for this notification. */
export interface Failure extends Addressee {
  reason: FailureReason
  /** The provider's last HTTP status; null when it gave none. */
  status: number | null
  /** What happened, in words. */
  error: string
}

/** Subscribers that are to be tried again at the same time. */
export interface Retry {
  delaySeconds: number
  /** The one that it will be, from 1. */
  attempt: number
  subscriberIds: string[]
}

/** What a page's outcomes add up to. */
export interface Tally {
  sent: number
  failed: number
  /** Subscribers whose token is gone; counted in `failed`. */
  gone: string[]
  /** Counted nowhere yet. */
  retries: Retry[]
  /** One for each that is counted in `failed`. */
  failures: Failure[]
  /** What the first failure said, for people. */
  firstError: string | null
}

export interface TallyContext {
  /** The one that these are outcomes of, from 1. */
  attempt: number
  /** How long the push may still be tried; see push-lifetime.ts. */
  left: TimeLeft
  /** In [0, 1): spreads what would come back at the same moment. */
  random: number
}

/**
 * Adds up the outcomes of a page. A push that may work later is tried again as long as it may be; one that was not
 * attempted has lost nothing by it.
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

/** How many failed for each reason. */
export function countByReason(failures: readonly Failure[]): Partial<Record<FailureReason, number>> {
  const counts: Partial<Record<FailureReason, number>> = {}
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/**
 * Whether nothing was attempted and all come back together, as when a push service is down.
 *
 * @param attempt the one that the outcomes are of
 */
export function isAllDeferred({ sent, failed, retries }: Tally, attempt: number): boolean {
  return sent + failed === 0 && retries.length === 1 && retries[0]!.attempt === attempt
}
