/** Requests of one subject since its window began. */
export interface CountedWindow {
  /** As far as this process knows. */
  count: number
  /** Those of them that only this process knows of. */
  unsettled: number
  /** Milliseconds since 1970. */
  endsAtMs: number
}

export interface CountedWindows {
  /** The subject's window at that time; a new one when it has none. */
  at(subject: string, nowMs: number): CountedWindow
  /** @returns undefined when the subject has not been counted, or its window is over */
  find(subject: string, nowMs: number): CountedWindow | undefined
}

/** @param maxSubjects beyond it, the windows that began first are forgotten */
export function createCountedWindows(windowMs: number, maxSubjects: number): CountedWindows {
  /** In the order in which they began, and so in that in which they end. */
  const windows = new Map<string, CountedWindow>()
  /** A window that ends later began before the clock was set back. */
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
    find,
    at(subject, nowMs) {
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
