/** Requests of one subject since its window began. */
export interface CountedWindow {
  /** All requests that this process knows of. */
  count: number
  /** The part of `count` that only this process knows of. */
  unsettled: number
  /** Milliseconds since 1970. */
  endsAtMs: number
}

/** @param maxSubjects above this number, the oldest windows are forgotten */
export function createCountedWindows(windowMs: number, maxSubjects: number) {
  /** In the order in which the windows began, which is also the order in which they end. */
  const windows = new Map<string, CountedWindow>()
  /** A window that ends later than this began before the clock was set back, so it is ignored. */
  const maxAheadMs = 2 * windowMs

  const find = (subject: string, nowMs: number) => {
    const known = windows.get(subject)
    const isOpen = known && known.endsAtMs > nowMs && known.endsAtMs <= nowMs + maxAheadMs
    return isOpen ? known : undefined
  }
  const forgetOldest = (nowMs: number) => {
    for (const [subject, { endsAtMs }] of windows) {
      if (windows.size < maxSubjects && endsAtMs > nowMs) break
      windows.delete(subject)
    }
  }
  return {
    /** @returns undefined when the subject has not been counted, or its window is over */
    find,
    /** The subject's window at `nowMs`; a new window if the subject has none. */
    at(subject: string, nowMs: number): CountedWindow {
      const known = find(subject, nowMs)
      if (known) return known
      windows.delete(subject)
      forgetOldest(nowMs)
      const begun = { count: 0, unsettled: 0, endsAtMs: nowMs + windowMs }
      windows.set(subject, begun)
      return begun
    },
  }
}

export type CountedWindows = ReturnType<typeof createCountedWindows>
