import type { BatchSettings } from '../database.ts'
import type { DueWebhook } from './delivery-store.ts'

/** What the pump remembers of a webhook between two reads; each read brings it up to date. */
export interface Traits {
  host: string
  /** Requests per second. */
  rateLimit: number | null
  maxInFlight: number | null
  batch: BatchSettings | null
  /** How long its attempts take of late, in milliseconds; null before the first one has ended. */
  paceMs: number | null
}

export interface TraitsMemory {
  get(webhookId: string): Traits | undefined
  remember(webhook: DueWebhook, host: string): Traits
  /** @param durationMs of an attempt that has ended */
  notePace(webhookId: string, durationMs: number): void
  entries(): Iterable<[string, Traits]>
}

const maxRemembered = 10_000
/** Of the newest attempt in the moving average. */
const paceWeight = 0.2

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
      const traits = { host, rateLimit, maxInFlight, batch, paceMs: byId.get(id)?.paceMs ?? null }
      byId.set(id, traits)
      return traits
    },
    notePace(webhookId, durationMs) {
      const traits = byId.get(webhookId)
      if (!traits) return
      traits.paceMs =
        traits.paceMs === null ? durationMs : traits.paceMs + (durationMs - traits.paceMs) * paceWeight
    },
    entries: () => byId.entries(),
  }
}
