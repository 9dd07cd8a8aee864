import { createTurnQueue, type TurnQueue } from '../../engine/turn-queue.ts'
import { maxRetryAfterSeconds } from '../../outbound/retry-after.ts'
import { remember } from '../../platform/remember.ts'
import type { Outcome } from '../outcome.ts'
import {
  checksUntilStuck,
  createOriginHealth,
  isStuck,
  look,
  noteAnswer,
  noteEnd,
  noteFailure,
  type OriginHealth,
  roomAt,
} from './origin-health.ts'

/** How long a push service is paused after failures, or one app at it after a 429 that names no time. */
const pauseSeconds = 30

/** Seconds after which pushes are retried that got no place because their push service was stuck or slow. */
const stuckSeconds = 10

/** WNS answers 406 where others answer 429. */
const throttlingStatuses = new Set([406, 429])

/** Push services kept in memory, and throttled apps for each. Few exist, but anybody can invent endpoints. */
const maxRemembered = 10_000

/** A page of one app that has pushes for a push service. */
export interface WaitingPage {
  appId: string
  /** Milliseconds of performance.now() when the page started. */
  sinceMs: number
}

/** The outcome of pushes that got no place in time. */
export const stuckOutcome: Outcome = {
  kind: 'deferred',
  status: null,
  afterSeconds: stuckSeconds,
  error: 'the push service does not answer in time',
}

export interface OriginLimits {
  /** Pushes that may run at a time. */
  concurrency: number
  /** A push service is stuck when it answers nothing for this long while pushes are running. */
  quietMs: number
  /** A push service is slow when an answer takes longer. Pages then wait at most this long for places there. */
  slowMs: number
}

interface Waiting extends WaitingPage {
  resolve(entered: boolean): void
}

interface State {
  health: OriginHealth
  waiting: TurnQueue<Waiting>
  /** By app, milliseconds since the epoch; `pausedUntil` applies to all apps. */
  throttledUntil: Map<string, number>
  pausedUntil: number
  watch: NodeJS.Timeout | undefined
}

/** The push services in use, by origin. */
export function createPushOrigins(limits: OriginLimits) {
  const origins = new Map<string, ReturnType<typeof createOrigin>>()
  return (name: string): PushOrigin => {
    const known = origins.get(name) ?? createOrigin(limits)
    // Moves to the end: the first entries are the least recently used. Push services in use are not removed.
    origins.delete(name)
    for (const [key, { state }] of origins) {
      if (origins.size < maxRemembered) break
      if (state.health.running === 0 && state.waiting.size === 0) origins.delete(key)
    }
    origins.set(name, known)
    return known.origin
  }
}

function createOrigin(limits: OriginLimits) {
  const state: State = {
    health: createOriginHealth(),
    waiting: createTurnQueue(),
    throttledUntil: new Map(),
    pausedUntil: 0,
    watch: undefined,
  }
  const { health, waiting } = state

  const serve = () => {
    while (waiting.size > 0 && roomAt(health, limits.concurrency) > 0) {
      health.running += 1
      waiting.shift()!.resolve(true)
    }
  }
  const dismiss = (test: (visitor: WaitingPage) => boolean) => {
    for (const { resolve } of waiting.removeIf(test)) resolve(false)
  }
  const isInVain = ({ sinceMs }: WaitingPage) =>
    isStuck(health) || (health.slow && performance.now() - sinceMs > limits.slowMs)
  const watch = () => {
    state.watch = undefined
    if (health.running === 0) return
    look(health)
    dismiss(isInVain)
    state.watch = setTimeout(watch, limits.quietMs / checksUntilStuck).unref()
  }

  const origin = {
    /** The outcome of an app's push that must not be tried now; null when it may be tried. */
    withheld(appId: string, now: number): Outcome | null {
      const throttled = state.throttledUntil.get(appId) ?? 0
      if (isAhead(state.pausedUntil, now, pauseSeconds)) {
        return deferred(state.pausedUntil - now, 'the push service is paused after failures')
      }
      return isAhead(throttled, now, maxRetryAfterSeconds)
        ? deferred(throttled - now, 'the push service asked the app to wait')
        : null
    },
    /**
     * Waits for a place among the running pushes; `leave` must follow. Apps take turns, and so do pages of an app.
     *
     * @returns false when no place became free in time. The visitor should retry later, and must not call `leave`.
     */
    async enter(visitor: WaitingPage): Promise<boolean> {
      state.watch ??= setTimeout(watch, limits.quietMs / checksUntilStuck).unref()
      if (waiting.size === 0 && roomAt(health, limits.concurrency) > 0) {
        health.running += 1
        return true
      }
      if (isInVain(visitor)) return false
      const { promise, resolve } = Promise.withResolvers<boolean>()
      waiting.push(visitor.appId, { ...visitor, resolve })
      return promise
    },
    leave() {
      noteEnd(health)
      serve()
    },
    /**
     * Learns from the outcome of a push. A 429 or a `Retry-After` concerns only the app. No answer, or any other status
     * of 500 and above, is a failure of the push service.
     *
     * @param beganAtMs milliseconds of performance.now()
     * @param now milliseconds since the epoch
     */
    note(appId: string, outcome: Outcome, beganAtMs: number, now: number) {
      const nowMs = performance.now()
      const seconds = askedPause(outcome)
      if (seconds !== null) throttle(state.throttledUntil, appId, now, seconds)
      if (outcome.status !== null && (outcome.status < 500 || seconds !== null)) {
        noteAnswer(health, nowMs, nowMs - beganAtMs > limits.slowMs)
        serve()
      } else if (noteFailure(health, beganAtMs, nowMs)) {
        state.pausedUntil = now + pauseSeconds * 1_000
        dismiss(() => true)
      }
    },
  }
  return { state, origin }
}

/**
 * Decides who may send to one push service (an origin) now. A service that hangs, throttles or is down affects only its
 * own recipients, and a throttled app affects only itself.
 */
export type PushOrigin = ReturnType<typeof createOrigin>['origin']

/** Whether a pause of at most `longestSeconds` is not over. If more than that is left, the clock was set back. */
function isAhead(until: number, now: number, longestSeconds: number): boolean {
  return until > now && until <= now + longestSeconds * 1_000
}

function throttle(throttledUntil: Map<string, number>, appId: string, now: number, seconds: number): void {
  const known = throttledUntil.get(appId) ?? 0
  const later = Math.max(now + seconds * 1_000, isAhead(known, now, maxRetryAfterSeconds) ? known : 0)
  remember(throttledUntil, appId, later, maxRemembered)
}

/** @returns the seconds that an answer asks its app to wait, or null. A 200 of WNS concerns only one device. */
function askedPause(outcome: Outcome): number | null {
  if (outcome.kind !== 'retry' || outcome.status === null || outcome.status < 400) return null
  return outcome.afterSeconds ?? (throttlingStatuses.has(outcome.status) ? pauseSeconds : null)
}

function deferred(ms: number, error: string): Outcome {
  return { kind: 'deferred', status: null, afterSeconds: Math.ceil(ms / 1_000), error }
}
