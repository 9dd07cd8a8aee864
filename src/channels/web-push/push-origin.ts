import type { Outcome } from '../channel.ts'

/** Failures without an answer, one after the other, after which a push service is left alone for a while. */
const failuresBeforePause = 20

/** How long it is left alone then, or after a 429 that names no time. */
const pauseSeconds = 30

/** Push services remembered. There are a handful in the world, but anybody can make up endpoints. */
export const maxPushOrigins = 10_000

/**
 * One push service (an origin): how many requests it has running and whether it is to be left alone. A service that
 * hangs or throttles then costs its own recipients only.
 */
export class PushOrigin {
  readonly #concurrency: number
  readonly #waiting: (() => void)[] = []
  #running = 0
  #failures = 0
  /** Milliseconds since the epoch. */
  #pausedUntil = 0

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  /** Whether it has something worth remembering while idle. */
  isPaused(now: number): boolean {
    return now < this.#pausedUntil
  }

  /** The outcome of a push that is not even tried, null when it is to be tried. */
  pausedOutcome(now: number): Outcome | null {
    if (!this.isPaused(now)) {
      return null
    }
    const afterSeconds = Math.ceil((this.#pausedUntil - now) / 1_000)
    return {
      kind: 'deferred',
      status: null,
      afterSeconds,
      error: 'the push service is paused after failures',
    }
  }

  /** Waits until one more request may run; {@link leave} must follow. */
  async enter(): Promise<void> {
    if (this.#running < this.#concurrency) {
      this.#running += 1
      return
    }
    // The place of whoever leaves passes on directly, so #running stays as it is.
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    await promise
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next) {
      next()
    } else {
      this.#running -= 1
    }
  }

  /** Learns from a finished request. @param answered whether any answer came at all */
  record(outcome: Outcome, answered: boolean, now: number): void {
    if (answered) {
      this.#failures = 0
      if (outcome.kind === 'retry' && outcome.status === 429) {
        this.#pause(outcome.afterSeconds ?? pauseSeconds, now)
      }
      return
    }
    this.#failures += 1
    if (this.#failures >= failuresBeforePause) {
      this.#failures = 0
      this.#pause(pauseSeconds, now)
    }
  }

  #pause(seconds: number, now: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, now + seconds * 1_000)
  }
}

/** The push services in use, at most {@link maxPushOrigins} idle ones. */
export class PushOrigins {
  readonly #origins = new Map<string, PushOrigin>()
  readonly #concurrency: number

  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  get(origin: string): PushOrigin {
    const known = this.#origins.get(origin)
    if (known) {
      // Moves to the end: the first entries are the longest unused.
      this.#origins.delete(origin)
      this.#origins.set(origin, known)
      return known
    }
    const made = new PushOrigin(this.#concurrency)
    this.#origins.set(origin, made)
    this.#evict()
    return made
  }

  #evict(): void {
    for (const [key, origin] of this.#origins) {
      if (this.#origins.size <= maxPushOrigins) {
        return
      }
      // What is in use stays; the pages being sent bound how many that are.
      if (origin.idle) {
        this.#origins.delete(key)
      }
    }
  }
}
