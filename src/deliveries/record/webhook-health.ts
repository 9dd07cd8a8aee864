/** A webhook's record of failed attempts. */
export interface Health {
  failureCount: number
  failingSince: Date | null
}

/** The part of an attempt that affects health. */
export interface HealthSample {
  succeeded: boolean
  gone: boolean
  at: Date
}

/** Failed attempts in a row that disable a webhook, once they have continued for long enough. */
export const disableAtFailures = 10

/** Counts failed attempts since the last success, continuing from `before`. A success resets the count. */
export function nextHealth(before: Health, samples: readonly HealthSample[]): Health {
  let { failureCount, failingSince } = before
  for (const sample of samples) {
    if (sample.succeeded) {
      failureCount = 0
      failingSince = null
    } else {
      failureCount += 1
      failingSince ??= sample.at
    }
  }
  return { failureCount, failingSince }
}

/**
 * Returns why a webhook is to be disabled now, in words for its owner, or null. The minimum duration matters when a
 * receiver restarts under load: ten attempts fail within a second, which must not disable the webhook.
 */
export function reasonToDisable(
  health: Health,
  samples: readonly HealthSample[],
  disableAfterSeconds: number,
  now: Date,
): string | null {
  if (samples.some((sample) => sample.gone)) return 'the receiver answered 410 Gone'
  if (health.failureCount < disableAtFailures || !health.failingSince) return null
  const failingMs = now.getTime() - health.failingSince.getTime()
  if (failingMs < disableAfterSeconds * 1_000) return null
  return `${health.failureCount} attempts in a row failed since ${health.failingSince.toISOString()}`
}
