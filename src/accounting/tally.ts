import type { FailureReason, Outcome } from '../channels/channel.ts'
import type { Platform } from '../database.ts'

/** Sends of one subscriber at most, the first included. */
export const maxAttempts = 8

const firstBackoffSeconds = 15
const maxBackoffSeconds = 3_600

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

/** What a batch's outcomes add up to. */
export interface Tally {
  sent: number
  failed: number
  /** Subscribers whose token is gone; counted in `failed`. */
  gone: string[]
  /** Subscribers to try again, grouped by how long to wait. Counted nowhere yet. */
  retries: { delaySeconds: number; subscriberIds: string[] }[]
  /** One for each that is counted in `failed`. */
  failures: Failure[]
  /** What the first failure said, for people. */
  firstError: string | null
}

/**
 * Adds up the outcomes of a batch.
 *
 * A push that may work later is tried again after what the push service asked for, or 15 s doubling up to an hour,
 * as long as its time to live lasts (RFC 8030 §5.2: beyond it the message is worthless) and attempts are left.
 *
 * @param outcomes one per subscriber
 * @param attempt the one that these are outcomes of, from 1
 * @param secondsLeft until the notification's time to live has passed; may be negative
 */
export function tallyOutcomes(
  outcomes: readonly (Addressee & { outcome: Outcome })[],
  attempt: number,
  secondsLeft: number,
): Tally {
  const tally: Tally = { sent: 0, failed: 0, gone: [], retries: [], failures: [], firstError: null }
  const retries = new Map<number, string[]>()
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
      case 'retry': {
        const delaySeconds = retryDelaySeconds(attempt, outcome.afterSeconds)
        if (attempt >= maxAttempts) fail('unreachable', outcome.error)
        else if (delaySeconds >= secondsLeft) fail('expired', outcome.error)
        else retries.getOrInsert(delaySeconds, []).push(addressee.subscriberId)
      }
    }
  }
  tally.retries = [...retries].map(([delaySeconds, subscriberIds]) => ({ delaySeconds, subscriberIds }))
  return tally
}

/** How many failed for each reason. */
export function countByReason(failures: readonly Failure[]): Partial<Record<FailureReason, number>> {
  const counts: Partial<Record<FailureReason, number>> = {}
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/** Rounded up to a step, so that a page of answers with many different waits does not become as many batches. */
const delayStepSeconds = 15

function retryDelaySeconds(attempt: number, afterSeconds: number | null): number {
  const backoff = Math.min(maxBackoffSeconds, firstBackoffSeconds * 2 ** (attempt - 1))
  const wanted = Math.min(maxBackoffSeconds, afterSeconds ?? backoff)
  return Math.ceil(Math.max(1, wanted) / delayStepSeconds) * delayStepSeconds
}
