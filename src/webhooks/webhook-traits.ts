import type { BatchSettings } from '../database.ts'
import type { DueWebhook } from './delivery-store.ts'

/** What the pump remembers of a webhook between two reads; each read brings it up to date. */
export interface Traits {
  host: string
  /** Requests per second. */
  rateLimit: number | null
  maxInFlight: number | null
  batch: BatchSettings | null
}

export interface TraitsMemory {
  get(webhookId: string): Traits | undefined
  remember(webhook: DueWebhook, host: string): Traits
  entries(): Iterable<[string, Traits]>
}

const maxRemembered = 10_000

/** Whether a webhook has limits of its own, so that its jobs wait apart from the others'. */
export function isSpecial({ rateLimit, maxInFlight, batch }: Traits): boolean {
  return rateLimit !== null || maxInFlight !== null || batch !== null
}

export function createTraitsMemory(): TraitsMemory {
  const byId = new Map<string, Traits>()
  return {
    get: (webhookId) => byId.get(webhookId),
    remember({ id, rateLimit, maxInFlight, batch }, host) {
      if (byId.size >= maxRemembered && !byId.has(id)) byId.delete(byId.keys().next().value!)
      const traits = { host, rateLimit, maxInFlight, batch }
      byId.set(id, traits)
      return traits
    },
    entries: () => byId.entries(),
  }
}
