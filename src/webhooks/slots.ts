/** Attempts under way, limited for each key (a webhook, a host) by how well it answers. */
export interface Slots {
  /** Whether one more may start now. */
  hasRoom(key: string): boolean
  /** Whether the key's limit has been cut because it lets attempts hang. */
  isStruggling(key: string): boolean
  /** Whether the key has had no room for so long that nothing should wait for it. */
  isStalled(key: string): boolean
  take(key: string): void
  /**
   * @param hungSince when an attempt began that got no answer, by the same clock: halves the limit, unless the key
   *   has answered another one since. Null: an answer of any kind, which raises the limit by one.
   */
  give(key: string, hungSince: number | null): void
  /** Keys that have no room. */
  full(): string[]
}

interface State {
  taken: number
  limit: number
  answeredAt: number
  fullSince: number
}

/** Keys remembered at most; the idle ones are forgotten first. */
const maxKeys = 10_000
/** Longer than the event loop is ever held up, which would look the same. */
const stalledAfterMs = 1_000

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
    const made = { taken: 0, limit, answeredAt: Number.NEGATIVE_INFINITY, fullSince: 0 }
    states.set(key, made)
    return made
  }
  const isFull = (state: State) => state.taken >= state.limit
  return {
    hasRoom(key) {
      const state = states.get(key)
      return !state || !isFull(state)
    },
    isStruggling: (key) => (states.get(key)?.limit ?? limit) < limit,
    isStalled(key) {
      const state = states.get(key)
      return state !== undefined && isFull(state) && now() - state.fullSince > stalledAfterMs
    },
    take(key) {
      const state = stateOf(key)
      state.taken += 1
      if (state.taken === state.limit) state.fullSince = now()
    },
    give(key, hungSince) {
      const state = stateOf(key)
      state.taken -= 1
      if (hungSince === null) {
        state.limit = Math.min(limit, state.limit + 1)
        state.answeredAt = now()
      } else if (state.answeredAt < hungSince) {
        state.limit = Math.max(floor, Math.floor(state.limit / 2))
      }
      if (state.taken === 0 && state.limit === limit) states.delete(key)
    },
    full: () => [...states].filter(([, state]) => isFull(state)).map(([key]) => key),
  }
}

function forgetIdle(states: Map<string, State>): void {
  for (const [key, state] of states) {
    if (state.taken === 0) states.delete(key)
  }
}
