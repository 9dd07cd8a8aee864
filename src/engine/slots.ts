export interface SlotLimits {
  /** The limit of an unknown key. */
  initial: number
  /** The highest limit, for a key that answers. */
  max: number
  /** The lowest limit. */
  floor: number
}

interface State {
  inUse: number
  limit: number
  answeredAt: number
}

/** Maximum keys remembered. Beyond it, the idle keys are forgotten. */
const maxKeys = 10_000

/**
 * Limits the work under way per key (a webhook, a host, a push service) by how well that key answers: additive increase,
 * multiplicative decrease, as in TCP (RFC 5681 §3.1). A receiver that hangs is soon limited to `floor` requests at a time.
 * A receiver that answers doubles its limit with every round of answers.
 *
 * @param now milliseconds
 */
export function createSlots(limits: SlotLimits, now: () => number = () => performance.now()) {
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
    /** Number of slots free now. */
    room(key: string): number {
      const state = states.get(key)
      return state ? Math.max(0, state.limit - state.inUse) : limits.initial
    },
    inUse: (key: string) => states.get(key)?.inUse ?? 0,
    take(key: string) {
      stateOf(key).inUse += 1
    },
    /**
     * @param hungSince null: the work got an answer of any kind, which raises the limit by one. Otherwise when the
     *   unanswered work began, by the same clock: the limit is halved, unless the key has answered other work since.
     */
    give(key: string, hungSince: number | null) {
      const state = stateOf(key)
      state.inUse -= 1
      if (hungSince === null) {
        state.limit = Math.min(limits.max, state.limit + 1)
        state.answeredAt = now()
      } else if (state.answeredAt < hungSince) {
        state.limit = Math.max(limits.floor, Math.floor(state.limit / 2))
      }
    },
    /** Gives back a slot that was not used. The limit stays the same. */
    cancel(key: string) {
      stateOf(key).inUse -= 1
    },
  }
}

function forgetIdle(states: Map<string, State>): void {
  for (const [key, state] of states) {
    if (state.inUse === 0) states.delete(key)
  }
}
