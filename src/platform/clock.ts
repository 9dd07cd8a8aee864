export const dayMs = 86_400_000

/** Where the service gets the time from; tests hand in their own. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** A moment as the API writes it: UTC, second precision, e.g. `2025-06-01T08:00:00Z`. */
export function toTimestamp(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`
}

/** Like {@link toTimestamp}, passing null through. */
export function toTimestampOrNull(moment: Date | null): string | null {
  return moment && toTimestamp(moment)
}
