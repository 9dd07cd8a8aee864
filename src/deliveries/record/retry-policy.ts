import { maxRetryAfterSeconds } from '../../outbound/retry-after.ts'
import type { AttemptOutcome } from '../attempt/classify-response.ts'

/** The decision after an attempt. */
export type Decision = { kind: 'succeeded' } | { kind: 'retry'; delaySeconds: number } | { kind: 'failed' }

/** Varies each wait by 20 %, so that deliveries that failed together are not all retried together. */
const jitter = 0.2

/**
 * Decides what follows an attempt. Failed attempt n is retried after the n-th wait of the schedule, 20 % more or less,
 * or after the longer wait that the receiver asked for, up to an hour. The delivery fails when the schedule is used up
 * or the receiver is gone for good (410).
 *
 * @param attempt the attempt's number, from 1
 * @param scheduleSeconds waits between attempts; n waits allow n + 1 attempts
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
