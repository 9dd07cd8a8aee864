import type { Db } from '../platform/db.ts'
import { takeRate } from './rate-store.ts'

/** The rates of webhooks, as this process takes its share of them. */
export interface Rates {
  /** @returns how many of `wanted` requests may start now */
  take(webhookId: string, perSecond: number, wanted: number): Promise<number>
  /** Milliseconds until it is worth asking again. */
  waitMs(webhookId: string): number
}

/** A rate that was used up is asked for again after this: ten questions a second for each webhook, not thousands. */
const askAgainMs = 100
const maxRemembered = 10_000

export function createRates(db: Db, now: () => number = () => performance.now()): Rates {
  const blockedUntil = new Map<string, number>()
  const waitMs = (webhookId: string) => Math.max(0, (blockedUntil.get(webhookId) ?? 0) - now())
  const block = (webhookId: string, ms: number) => {
    if (blockedUntil.size >= maxRemembered) blockedUntil.clear()
    blockedUntil.set(webhookId, now() + ms)
  }
  return {
    waitMs,
    async take(webhookId, perSecond, wanted) {
      if (waitMs(webhookId) > 0) return 0
      const grant = await takeRate(db, webhookId, perSecond, wanted)
      if (grant.granted < wanted) block(webhookId, Math.max(grant.waitMs, askAgainMs))
      return grant.granted
    },
  }
}
