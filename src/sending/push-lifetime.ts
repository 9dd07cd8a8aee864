/** How long a push may still be tried, and what it failed of when that is over. */
export interface TimeLeft {
  /** May be negative. */
  seconds: number
  reason: 'expired' | 'unreachable'
}

const firstBackoffSeconds = 5
const maxBackoffSeconds = 900
/** Rounded up to a step, so that a page of answers with many different waits does not become as many batches. */
const delayStepSeconds = 5
/** Of a wait that is ours to choose. */
const jitter = 0.2

/**
 * A push is tried until its time to live is over (RFC 8030 §5.2: beyond it the message is worthless), or until the
 * install's limit if that is first.
 *
 * @param ageSeconds since the notification was due to be sent
 */
export function timeLeft(ttlSeconds: number, maxAgeSeconds: number, ageSeconds: number): TimeLeft {
  return ttlSeconds <= maxAgeSeconds
    ? { seconds: ttlSeconds - ageSeconds, reason: 'expired' }
    : { seconds: maxAgeSeconds - ageSeconds, reason: 'unreachable' }
}

/** A time to live of 0 means now or never: so much may pass between the request and the first attempt. */
const nowSeconds = 30

/** Whether a push may still be sent. The limit of the install ends retries, and not a first attempt that comes late. */
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

/** What is left of the time to live, for the `TTL` header: whole seconds, the one that has begun counted. */
export function remainingTtl(ttlSeconds: number, ageSeconds: number): number {
  return Math.max(0, Math.ceil(ttlSeconds - ageSeconds))
}

/**
 * When a push is tried again: after what the push service asked for, or 5 s doubling to 15 min, ±20 %; a last time just
 * before its time is over.
 *
 * @param attempt the one that failed, from 1; null: none was made
 * @param afterSeconds what is to be waited at least; null: nothing says so
 * @returns seconds; null: there is no time left for another
 */
export function nextDelaySeconds(
  attempt: number | null,
  afterSeconds: number | null,
  secondsLeft: number,
  random: number,
): number | null {
  if (afterSeconds !== null) {
    const asked = Math.ceil(afterSeconds / delayStepSeconds) * delayStepSeconds
    return asked < secondsLeft ? asked : null
  }
  const backoff = Math.min(maxBackoffSeconds, firstBackoffSeconds * 2 ** ((attempt ?? 1) - 1))
  const wanted = backoff * (1 - jitter + 2 * jitter * random)
  if (wanted < secondsLeft) return wanted
  return secondsLeft > firstBackoffSeconds + 1 ? secondsLeft - 1 : null
}
