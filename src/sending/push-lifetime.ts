/** How long a push may still be tried, and the failure reason once that time is over. */
export interface TimeLeft {
  /** May be negative. */
  seconds: number
  reason: 'expired' | 'unreachable'
}

const firstBackoffSeconds = 5
const maxBackoffSeconds = 900
/** Requested waits are rounded up to this step: many different waits in a page must not become as many batches. */
const delayStepSeconds = 5
/** Random variation of a backoff, as a share. A wait that a push service asked for has none. */
const jitter = 0.2

/**
 * A push is tried until its time to live is over (RFC 8030 §5.2: beyond it the message is worthless), or until the
 * install's limit if that comes first.
 *
 * @param ageSeconds since the notification was due to be sent
 */
export function timeLeft(ttlSeconds: number, maxAgeSeconds: number, ageSeconds: number): TimeLeft {
  return ttlSeconds <= maxAgeSeconds
    ? { seconds: ttlSeconds - ageSeconds, reason: 'expired' }
    : { seconds: maxAgeSeconds - ageSeconds, reason: 'unreachable' }
}

/** A time to live of 0 means now or never: the first attempt may begin up to this long after the request. */
const nowSeconds = 30

/** Whether a push may still be sent. The install's limit ends retries, but does not prevent a late first attempt. */
export function isInTime(
  ttlSeconds: number,
  maxAgeSeconds: number,
  attempt: number,
  ageSeconds: number,
): boolean {
  return attempt === 1
    ? ageSeconds < Math.max(ttlSeconds, nowSeconds)
    : timeLeft(ttlSeconds, maxAgeSeconds, ageSeconds).seconds > 0
}

/**
 * The wait before a push is retried: 5 s doubling to 15 min, ±20 %, or longer if asked for. If the backoff is longer than
 * the time left, one last retry comes just before the time is over.
 *
 * @param attempt number of the attempt that failed, from 1; null: no attempt was made, so there is no backoff
 * @param afterSeconds the minimum wait; null: none was asked for
 * @returns seconds; null: no time is left for another attempt
 */
export function nextDelaySeconds(
  attempt: number | null,
  afterSeconds: number | null,
  secondsLeft: number,
  random: number,
): number | null {
  const asked = Math.ceil((afterSeconds ?? 0) / delayStepSeconds) * delayStepSeconds
  if (asked >= secondsLeft) return null
  if (attempt === null) return asked
  const backoff = Math.min(maxBackoffSeconds, firstBackoffSeconds * 2 ** (attempt - 1))
  const wanted = Math.max(asked, backoff * (1 - jitter + 2 * jitter * random))
  if (wanted < secondsLeft) return wanted
  return secondsLeft > firstBackoffSeconds + 1 ? Math.max(asked, secondsLeft - 1) : null
}
