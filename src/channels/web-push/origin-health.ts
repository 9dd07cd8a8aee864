/** Pushes under way at a time to a push service that has not answered yet, or not since something went wrong. */
export const probes = 8

/** A push service is left alone for a while after so many pushes that failed, on so many occasions, without an answer. */
export const failuresBeforePause = 20
const strikesBeforePause = 3

/** Looks at a push service in a row that find pushes under way and no answer since the last: it is stuck. */
export const quietLooks = 4

/** What is known of how a push service answers. */
export interface OriginHealth {
  /** Pushes under way. */
  running: number
  /** Whether it has answered since it last failed to. */
  answers: boolean
  /** Whether its latest answer took too long. */
  slow: boolean
  /** Looks since its latest answer, while pushes were under way. */
  quiet: number
  /** Pushes that failed since its latest answer, and on how many occasions. */
  failures: number
  strikes: number
  /** When the latest occasion, and its latest answer, came: milliseconds of performance.now(). */
  struckAtMs: number
  answeredAtMs: number
  /** Whether it has been left alone and has not answered since. */
  wasPaused: boolean
}

export function createOriginHealth(): OriginHealth {
  return {
    running: 0,
    answers: false,
    slow: false,
    quiet: 0,
    failures: 0,
    strikes: 0,
    struckAtMs: 0,
    answeredAtMs: 0,
    wasPaused: false,
  }
}

/**
 * Whether nothing comes back from it now. Counted in looks, not in time: when this process itself stands still, it looks
 * no more often than it hears.
 */
export function isStuck({ quiet }: OriginHealth): boolean {
  return quiet >= quietLooks
}

/** How many more pushes may be under way. */
export function roomAt(health: OriginHealth, concurrency: number): number {
  const limit = health.answers && !isStuck(health) ? concurrency : Math.min(concurrency, probes)
  return Math.max(0, limit - health.running)
}

/** Looks at it once. Call at even intervals while pushes are under way. */
export function look(health: OriginHealth): void {
  health.quiet += 1
}

export function noteEnd(health: OriginHealth): void {
  health.running -= 1
  // With nothing under way there is nothing to wait for: the next ones tell.
  if (health.running === 0) health.quiet = 0
}

/** Any answer will do: it is there. */
export function noteAnswer(health: OriginHealth, nowMs: number, isSlow: boolean): void {
  health.answers = true
  health.slow = isSlow
  health.quiet = 0
  health.failures = 0
  health.strikes = 0
  health.answeredAtMs = nowMs
  health.wasPaused = false
}

/**
 * A push got no answer. All that began before the last occasion are part of it: one connection that is cut is one
 * occasion, however many pushes were on it. What began before the latest answer says nothing about the service.
 *
 * @returns whether the push service is to be left alone now
 */
export function noteFailure(health: OriginHealth, beganAtMs: number, nowMs: number): boolean {
  if (beganAtMs < health.answeredAtMs) return false
  health.answers = false
  health.failures += 1
  if (beganAtMs >= health.struckAtMs) {
    health.strikes += 1
    health.struckAtMs = nowMs
  }
  const isDown = health.failures >= failuresBeforePause && health.strikes >= strikesBeforePause
  // Whoever comes back after a pause and fails once more is still down.
  if (!isDown && !(health.wasPaused && health.strikes > 0)) return false
  health.failures = 0
  health.strikes = 0
  health.wasPaused = true
  return true
}
