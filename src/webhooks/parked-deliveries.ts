import type { ClaimedDelivery } from './claimed-delivery.ts'

/** Deliveries to webhooks with limits of their own, which wait here so that they keep nobody else's from being claimed. */
export interface ParkedDeliveries {
  park(delivery: ClaimedDelivery): void
  /** Puts back what was taken and waited long enough: it is the oldest here. */
  putFirst(webhookId: string, deliveries: readonly ClaimedDelivery[]): void
  /** Webhooks with deliveries here. */
  webhookIds(): string[]
  count(webhookId: string): number
  /** Milliseconds that the longest waiting delivery to a webhook has been here. */
  waitingMs(webhookId: string): number
  /** The oldest of a webhook's, removed from here. */
  take(webhookId: string, limit: number): ClaimedDelivery[]
  /** All of a webhook's beyond `keep`, the newest first to go. */
  takeBeyond(webhookId: string, keep: number): ClaimedDelivery[]
  size(): number
}

/** @param now milliseconds */
export function createParkedDeliveries(now: () => number = () => performance.now()): ParkedDeliveries {
  const parked = new Map<string, { delivery: ClaimedDelivery; since: number }[]>()
  const remove = (webhookId: string, start: number, count: number) => {
    const waiting = parked.get(webhookId) ?? []
    const taken = waiting.splice(start, count)
    if (waiting.length === 0) parked.delete(webhookId)
    return taken.map(({ delivery }) => delivery)
  }
  return {
    park(delivery) {
      parked.getOrInsert(delivery.webhookId, []).push({ delivery, since: now() })
    },
    putFirst(webhookId, deliveries) {
      if (deliveries.length === 0) return
      const oldest = deliveries.map((delivery) => ({ delivery, since: Number.NEGATIVE_INFINITY }))
      parked.set(webhookId, [...oldest, ...(parked.get(webhookId) ?? [])])
    },
    webhookIds: () => [...parked.keys()],
    count: (webhookId) => parked.get(webhookId)?.length ?? 0,
    waitingMs(webhookId) {
      const oldest = parked.get(webhookId)?.[0]
      return oldest ? now() - oldest.since : 0
    },
    take: (webhookId, limit) => remove(webhookId, 0, limit),
    takeBeyond: (webhookId, keep) => remove(webhookId, keep, Number.POSITIVE_INFINITY),
    size: () => [...parked.values()].reduce((sum, waiting) => sum + waiting.length, 0),
  }
}
