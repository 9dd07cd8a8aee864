/** Work under way, limited for each key (a webhook, a host, a push service) by how well it answers. */
export interface Slots {
  /** How much more may start now. */
  room(key: string): number
  inUse(key: string): number
  take(key: string): void
  /**
   * @param hungSince when work began that got no answer, by the same clock: halves the limit, unless the key has
   *   answered other work since. Null: an answer of any kind, which raises the limit by one.
   */
  give(key: string, hungSince: number | null): void
  /** Gives back a slot that was not used: nothing is learned. */
  cancel(key: string): void
}

export interface SlotLimits {
  /** A key that nothing is known of. */
  initial: number
  /** A key that answers. */
  max: number
  /** What no limit is cut below. */
  floor: number
}

interface State {
  inUse: number
  limit: number
  answeredAt: number
}

/** Keys remembered at most; the idle ones are forgotten first. */
const maxKeys = 10_000

/**
 * Additive increase, multiplicative decrease, as TCP does it (RFC 5681 §3.1): a receiver that hangs is soon down to one
 * request at a time and costs that one. One that answers doubles its limit with every round of answers.
 *
 * @param now milliseconds
 */
export function createSlots(limits: SlotLimits, now: () => number = () => performance.now()): Slots {
  const states = new Map<string, State>()
  const stateOf = (key: string) => {
    const known = states.get(key)
    if (known) return known
    if (states.size >= maxKeys) forgetIdle(states)
    const made = { inUse: 0, limit: limits.initial, answeredAt: Number.NEGATIVE_INFINITY }
    states.set(key, made)
    return made
  }
  return {
    room(key) {
      const state = states.get(key)
      return state ? Math.max(0, state.limit - state.inUse) : limits.initial
    },
    inUse: (key) => states.get(key)?.inUse ?? 0,
    take(key) {
      stateOf(key).inUse += 1
    },
    give(key, hungSince) {
      const state = stateOf(key)
      state.inUse -= 1
      if (hungSince === null) {
        state.limit = Math.min(limits.max, state.limit + 1)
        state.answeredAt = now()
      } else if (state.answeredAt < hungSince) {
        state.limit = Math.max(limits.floor, Math.floor(state.limit / 2))
      }
    },
    cancel(key) {
      stateOf(key).inUse -= 1
    },
  }
}

function forgetIdle(states: Map<string, State>): void {
  for (const [key, state] of states) {
    if (state.inUse === 0) states.delete(key)
  }
}
