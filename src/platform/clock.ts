export const dayMs = 86_400_000

/** The service's source of time; tests pass their own. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** Formats a moment for the API: UTC, to the second, e.g. `2025-06-01T08:00:00Z`. */
export function toTimestamp(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`
}

/** Like {@link toTimestamp}, passing null through. */
export function toTimestampOrNull(moment: Date | null): string | null {
  return moment && toTimestamp(moment)
}
