/** Attempts under way, limited for each key (a webhook, a host) by how well it answers. */
export interface Slots {
  /** Whether one more may start now. */
  hasRoom(key: string): boolean
  /** Whether the key's limit has been cut because it lets attempts hang. */
  isStruggling(key: string): boolean
  take(key: string): void
  /** @param hung whether the attempt got no answer: halves the limit; an answer of any kind raises it by one */
  give(key: string, hung: boolean): void
  /** Keys that have no room. */
  full(): string[]
}

/** Keys remembered at most; the idle ones are forgotten first. */
const maxKeys = 10_000

/**
 * Additive increase, multiplicative decrease, as TCP does it: a receiver that hangs is soon down to one attempt at a
 * time and costs that one, while one that answers has its limit back within as many answers as it lost.
 */
export function createSlots(limit: number): Slots {
  const states = new Map<string, { taken: number; limit: number }>()
  const stateOf = (key: string) => {
    const known = states.get(key)
    if (known) return known
    if (states.size >= maxKeys) forgetIdle(states)
    const made = { taken: 0, limit }
    states.set(key, made)
    return made
  }
  return {
    hasRoom(key) {
      const state = states.get(key)
      return !state || state.taken < state.limit
    },
    isStruggling: (key) => (states.get(key)?.limit ?? limit) < limit,
    take(key) {
      stateOf(key).taken += 1
    },
    give(key, hung) {
      const state = stateOf(key)
      state.taken -= 1
      state.limit = hung ? Math.max(1, Math.floor(state.limit / 2)) : Math.min(limit, state.limit + 1)
      if (state.taken === 0 && state.limit === limit) states.delete(key)
    },
    full: () => [...states].filter(([, state]) => state.taken >= state.limit).map(([key]) => key),
  }
}

function forgetIdle(states: Map<string, { taken: number; limit: number }>): void {
  for (const [key, state] of states) {
    if (state.taken === 0) states.delete(key)
  }
}
