import type { BatchSettings } from '../database.ts'
import { defaultBatchBytes } from './batch-size.ts'
import type { DueWebhook } from './delivery-store.ts'

/** What the pump remembers of a webhook between two reads; each read brings it up to date. */
export interface Traits {
  host: string
  /** Requests per second. */
  rateLimit: number | null
  maxInFlight: number | null
  batch: BatchSettings | null
  /** Of a request's body, where the webhook takes batches. */
  maxBytes: number
  /** How long its attempts take of late, in milliseconds; null before the first one has ended. */
  paceMs: number | null
}

export interface TraitsMemory {
  get(webhookId: string): Traits | undefined
  remember(webhook: DueWebhook, host: string): Traits
  /** @param durationMs of an attempt that has ended */
  notePace(webhookId: string, durationMs: number): void
  /** @param maxBytes what its batches may be from now on: larger ones were too large for it */
  noteTooLarge(webhookId: string, maxBytes: number): void
  entries(): Iterable<[string, Traits]>
}

const maxRemembered = 10_000
/** For so long a webhook gets smaller batches: receivers change what they take. */
const tooLargeMs = 3_600_000
/** Of the newest attempt in the moving average. */
const paceWeight = 0.2

/** Whether a webhook has limits of its own, so that its jobs wait apart from the others'. */
export function isSpecial({ rateLimit, maxInFlight, batch }: Traits): boolean {
  return rateLimit !== null || maxInFlight !== null || batch !== null
}

/** @param now milliseconds */
export function createTraitsMemory(now: () => number = () => performance.now()): TraitsMemory {
  const byId = new Map<string, Traits>()
  const tooLarge = new Map<string, { maxBytes: number; until: number }>()
  const maxBytesOf = (id: string, batch: BatchSettings | null) => {
    const asked = batch?.max_bytes ?? defaultBatchBytes
    const learned = tooLarge.get(id)
    if (learned && learned.until > now()) return Math.min(asked, learned.maxBytes)
    tooLarge.delete(id)
    return asked
  }
  return {
    get: (webhookId) => byId.get(webhookId),
    remember({ id, rateLimit, maxInFlight, batch }, host) {
      if (byId.size >= maxRemembered && !byId.has(id)) {
        const [oldest] = byId.keys()
        byId.delete(oldest!)
        tooLarge.delete(oldest!)
      }
      const maxBytes = maxBytesOf(id, batch)
      const traits = { host, rateLimit, maxInFlight, batch, maxBytes, paceMs: byId.get(id)?.paceMs ?? null }
      byId.set(id, traits)
      return traits
    },
    notePace(webhookId, durationMs) {
      const traits = byId.get(webhookId)
      if (!traits) return
      traits.paceMs =
        traits.paceMs === null ? durationMs : traits.paceMs + (durationMs - traits.paceMs) * paceWeight
    },
    noteTooLarge(webhookId, maxBytes) {
      if (byId.has(webhookId)) tooLarge.set(webhookId, { maxBytes, until: now() + tooLargeMs })
    },
    entries: () => byId.entries(),
  }
}
