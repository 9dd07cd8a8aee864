import type { DeliverJob } from './attempt-delivery.ts'

/** Jobs of webhooks with limits of their own, which wait here so that they keep nobody else's from being claimed. */
export interface ParkedJobs {
  park(webhookId: string, job: DeliverJob): void
  /** Webhooks with jobs here. */
  webhookIds(): string[]
  count(webhookId: string): number
  /** Milliseconds that the longest waiting job of a webhook has been here. */
  waitingMs(webhookId: string): number
  /** The oldest of a webhook's jobs, removed from here. */
  take(webhookId: string, limit: number): DeliverJob[]
  /** All of a webhook's jobs beyond `keep`, the newest first to go. */
  takeBeyond(webhookId: string, keep: number): DeliverJob[]
  size(): number
}

/** @param now milliseconds */
export function createParkedJobs(now: () => number = () => performance.now()): ParkedJobs {
  const parked = new Map<string, { job: DeliverJob; since: number }[]>()
  const remove = (webhookId: string, start: number, count: number) => {
    const jobs = parked.get(webhookId) ?? []
    const taken = jobs.splice(start, count)
    if (jobs.length === 0) parked.delete(webhookId)
    return taken.map(({ job }) => job)
  }
  return {
    park(webhookId, job) {
      parked.getOrInsert(webhookId, []).push({ job, since: now() })
    },
    webhookIds: () => [...parked.keys()],
    count: (webhookId) => parked.get(webhookId)?.length ?? 0,
    waitingMs(webhookId) {
      const oldest = parked.get(webhookId)?.[0]
      return oldest ? now() - oldest.since : 0
    },
    take: (webhookId, limit) => remove(webhookId, 0, limit),
    takeBeyond: (webhookId, keep) => remove(webhookId, keep, Number.POSITIVE_INFINITY),
    size: () => [...parked.values()].reduce((sum, jobs) => sum + jobs.length, 0),
  }
}
