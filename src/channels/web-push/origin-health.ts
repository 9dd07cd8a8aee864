/** Pushes that may run at a time to a push service that has not answered yet, or not since its last failure. */
export const probes = 8

/** A push service is paused after this many failed pushes, on this many occasions, without an answer. */
export const failuresBeforePause = 20
const strikesBeforePause = 3

/** A push service is stuck after this many looks in a row that find running pushes and no new answer. */
export const checksUntilStuck = 4

export function createOriginHealth() {
  return {
    /** Running pushes. */
    running: 0,
    /** Whether the push service has answered since its last failure. */
    answers: false,
    /** Whether the latest answer took too long. */
    slow: false,
    /** Looks since the latest answer, while pushes were running. */
    quiet: 0,
    /** Pushes that failed since the latest answer, and on how many occasions. */
    failures: 0,
    strikes: 0,
    /** When the latest occasion and the latest answer occurred: milliseconds of performance.now(). */
    struckAtMs: 0,
    answeredAtMs: 0,
    /** Whether the push service has been paused and has not answered since. */
    wasPaused: false,
  }
}

/** What the service knows about how a push service answers. */
export type OriginHealth = ReturnType<typeof createOriginHealth>

/**
 * Whether the push service answers nothing now. This counts looks, not time: while this process itself is blocked, it
 * neither looks nor receives answers.
 */
export function isStuck({ quiet }: OriginHealth): boolean {
  return quiet >= checksUntilStuck
}

/** How many more pushes may start. */
export function roomAt(health: OriginHealth, concurrency: number): number {
  const limit = health.answers && !isStuck(health) ? concurrency : Math.min(concurrency, probes)
  return Math.max(0, limit - health.running)
}

/** Records one look. Call at regular intervals while pushes are running. */
export function look(health: OriginHealth): void {
  health.quiet += 1
}

export function noteEnd(health: OriginHealth): void {
  health.running -= 1
  // Without running pushes, no answer is due. The next pushes show whether the service answers.
  if (health.running === 0) health.quiet = 0
}

/** Any answer counts: it shows that the push service is up. */
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
 * Records a failed push. Pushes that began before the last occasion belong to that occasion. So one lost connection is
 * one occasion, however many pushes it carried: after its first failure, nothing starts on it (`Exchange`). A push that
 * began before the latest answer says nothing about the service.
 *
 * @returns whether the push service must be paused now
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
  // A push service that fails once more after a pause is still down.
  if (!isDown && !(health.wasPaused && health.strikes > 0)) return false
  health.failures = 0
  health.strikes = 0
  health.wasPaused = true
  return true
}
