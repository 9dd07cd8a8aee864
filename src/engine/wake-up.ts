/** Lets a loop sleep until something rings. */
export function createWakeUp() {
  let rung = false
  let wake: (() => void) | undefined
  const pause = (ms: number, untilRung: boolean) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      function done() {
        clearTimeout(timer)
        wake = undefined
        resolve()
      }
      if (untilRung) wake = done
    })
  return {
    ring() {
      rung = true
      wake?.()
    },
    /** Resolves after `atLeastMs` if `ring` was called by then, otherwise at the next `ring` or after `atMostMs`. */
    async wait(atLeastMs: number, atMostMs: number) {
      if (atLeastMs > 0) await pause(atLeastMs, false)
      if (!rung && atMostMs > atLeastMs) await pause(atMostMs - atLeastMs, true)
      rung = false
    },
  }
}
