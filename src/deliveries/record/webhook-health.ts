/** What a webhook remembers of its attempts. */
export interface Health {
  failureCount: number
  failingSince: Date | null
}

/** One attempt, as far as health goes. */
export interface HealthSample {
  succeeded: boolean
  gone: boolean
  at: Date
}

/** Failed attempts in a row that disable a webhook, once they have gone on for long enough. */
export const disableAtFailures = 10

/** Failed attempts since the last success, counted on from `before`; any success starts again from none. */
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
 * Why a webhook is to be disabled now, in words for its owner, or null. The guard in time keeps a receiver's restart
 * under load, when ten attempts fail within a second, from disabling it.
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
