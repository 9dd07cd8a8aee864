/** Attempts under way, limited for each key (a webhook, a host) by how well it answers. */
export interface Slots {
  /** Whether one more may start now. */
  hasRoom(key: string): boolean
  /** Whether the key's limit has been cut because it lets attempts hang. */
  isStruggling(key: string): boolean
  /** Whether the key has had no room for so long, now or a while ago, that nothing should wait for it. */
  isStalled(key: string): boolean
  /** @param cap what the key's limit is besides, from now on */
  take(key: string, cap?: number): void
  /**
   * @param hungSince when an attempt began that got no answer, by the same clock: halves the limit, unless the key
   *   has answered another one since. Null: an answer of any kind, which raises the limit by one.
   */
  give(key: string, hungSince: number | null): void
  /** Milliseconds that the key has had no room, 0 when it has. */
  fullForMs(key: string): number
  /** Gives back what no attempt was made with: nothing is learned. */
  cancel(key: string): void
  /** Whether more are under way than `cap`. */
  isOver(key: string, cap: number): boolean
  /** Keys that have no room. */
  full(): string[]
  /** Keys whose limit has been cut. */
  struggling(): string[]
}

interface State {
  taken: number
  limit: number
  cap: number
  answeredAt: number
  fullSince: number
  stalledAt: number
}

/** Keys remembered at most; the idle ones are forgotten first. */
const maxKeys = 10_000
/** Longer than the event loop is ever held up, which would look the same. */
const stalledAfterMs = 1_000
/** For so long one that was stalled gets no such second again. */
const stallRememberedMs = 60_000

/**
 * Additive increase, multiplicative decrease, as TCP does it: a receiver that hangs is soon down to one attempt at a
 * time and costs that one, while one that answers has its limit back within as many answers as it lost. One webhook
 * that hangs does not cut its host's limit while the host answers others.
 *
 * @param limit attempts at a time to a key that answers
 * @param floor what its limit is never cut below
 * @param now milliseconds
 */
export function createSlots(
  limit: number,
  floor: number,
  now: () => number = () => performance.now(),
): Slots {
  const states = new Map<string, State>()
  const stateOf = (key: string) => {
    const known = states.get(key)
    if (known) return known
    if (states.size >= maxKeys) forgetIdle(states)
    const made = {
      taken: 0,
      limit,
      cap: Number.POSITIVE_INFINITY,
      answeredAt: Number.NEGATIVE_INFINITY,
      fullSince: 0,
      stalledAt: Number.NEGATIVE_INFINITY,
    }
    states.set(key, made)
    return made
  }
  const isFull = (state: State) => state.taken >= Math.min(state.limit, state.cap)
  const forgetIfFresh = (key: string, state: State) => {
    if (state.taken === 0 && state.limit === limit) states.delete(key)
  }
  return {
    hasRoom(key) {
      const state = states.get(key)
      return !state || !isFull(state)
    },
    isStruggling: (key) => (states.get(key)?.limit ?? limit) < limit,
    isStalled(key) {
      const state = states.get(key)
      if (!state || !isFull(state)) return false
      if (now() - state.fullSince > stalledAfterMs) state.stalledAt = now()
      return now() - state.stalledAt < stallRememberedMs
    },
    take(key, cap = Number.POSITIVE_INFINITY) {
      const state = stateOf(key)
      state.taken += 1
      state.cap = cap
      if (state.taken === Math.min(state.limit, cap)) state.fullSince = now()
    },
    cancel(key) {
      const state = stateOf(key)
      state.taken -= 1
      forgetIfFresh(key, state)
    },
    fullForMs(key) {
      const state = states.get(key)
      return state && isFull(state) ? now() - state.fullSince : 0
    },
    isOver: (key, cap) => (states.get(key)?.taken ?? 0) > cap,
    give(key, hungSince) {
      const state = stateOf(key)
      state.taken -= 1
      if (hungSince === null) {
        state.limit = Math.min(limit, state.limit + 1)
        state.answeredAt = now()
      } else if (state.answeredAt < hungSince) {
        state.limit = Math.max(floor, Math.floor(state.limit / 2))
      }
      forgetIfFresh(key, state)
    },
    full: () => [...states].filter(([, state]) => isFull(state)).map(([key]) => key),
    struggling: () => [...states].filter(([, state]) => state.limit < limit).map(([key]) => key),
  }
}

function forgetIdle(states: Map<string, State>): void {
  for (const [key, state] of states) {
    if (state.taken === 0) states.delete(key)
  }
}
