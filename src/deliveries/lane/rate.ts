/** The generic cell rate algorithm (ITU-T I.371, annex A): the rate is used up until `freeAtMs`. */
export interface RateState {
  freeAtMs: number
}

/** After an idle period, a burst of up to 0.1 s of the rate is allowed, and always at least one request. */
const burstMs = (perSecond: number) => Math.max(100, 1_000 / perSecond)

/** @returns how many requests may start now; if none, when one may */
export function freeRate(
  { freeAtMs }: RateState,
  perSecond: number,
  nowMs: number,
): { requests: number; againAtMs: number } {
  const intervalMs = 1_000 / perSecond
  const usedUntilMs = usedUntil(freeAtMs, nowMs)
  // A time that is exact in milliseconds may be slightly short in floating point.
  const requests = Math.floor((nowMs + burstMs(perSecond) - usedUntilMs) / intervalMs + 1e-6)
  if (requests > 0) return { requests, againAtMs: nowMs }
  return { requests: 0, againAtMs: Math.ceil(usedUntilMs + intervalMs - burstMs(perSecond)) }
}

export function addRequest(state: RateState, perSecond: number, nowMs: number): void {
  state.freeAtMs = usedUntil(state.freeAtMs, nowMs) + 1_000 / perSecond
}

/** Whether the rate is used up beyond now. Another process must not start requests yet. */
export function isRateInUse({ freeAtMs }: RateState, nowMs: number): boolean {
  return usedUntil(freeAtMs, nowMs) > nowMs
}

/** The longest burst, of one request per second. A later `freeAtMs` is from before the clock went back. */
const maxAheadMs = 1_000

function usedUntil(freeAtMs: number, nowMs: number): number {
  return freeAtMs > nowMs + maxAheadMs ? nowMs : Math.max(freeAtMs, nowMs)
}
