import type { AttemptOutcome } from '../attempt/classify-response.ts'

/** What follows an attempt. */
export type Decision = { kind: 'succeeded' } | { kind: 'retry'; delaySeconds: number } | { kind: 'failed' }

const maxRetryAfterSeconds = 3_600
/** Deliveries that failed together are not all tried again together. */
const jitter = 0.2

/**
 * Decides what follows an attempt: after failed attempt n the n-th wait of the schedule, 20 % more or less, or the
 * longer wait that the receiver asked for, up to an hour. When the schedule is used up, or the receiver is gone
 * for good (410), the delivery has failed.
 *
 * @param attempt the attempt's number, from 1
 * @param scheduleSeconds waits between attempts; its length plus one is how many there are
 * @param random in [0, 1)
 */
export function decideAfterAttempt(
  attempt: number,
  outcome: Pick<AttemptOutcome, 'succeeded' | 'gone' | 'retryAfterSeconds'>,
  scheduleSeconds: readonly number[],
  random: number,
): Decision {
  if (outcome.succeeded) return { kind: 'succeeded' }
  const wait = scheduleSeconds[attempt - 1]
  if (outcome.gone || wait === undefined) return { kind: 'failed' }
  const asked = Math.min(outcome.retryAfterSeconds ?? 0, maxRetryAfterSeconds)
  return { kind: 'retry', delaySeconds: Math.max(wait * (1 + (2 * random - 1) * jitter), asked) }
}
