import type { BatchSettings } from '../../database.ts'
import { getOrInsert } from '../../platform/get-or-insert.ts'
import { countWithin } from '../../webhooks/batch-size.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { type Lane, maxBatchBytes } from './lane.ts'

/** The deliveries of a lane to send now. */
export interface Choice {
  /** Each group goes out in one request if the webhook takes batches, otherwise one delivery after the other. */
  groups: PendingDelivery[][]
  /** When the next delivery may start, milliseconds since the epoch; infinite: none of the rest waits for a time. */
  nextAtMs: number
}

/**
 * Chooses the deliveries to send now, and groups them.
 *
 * @param pending the lane's first pending deliveries, in the order that its settings ask for
 * @param requests how many requests may start, one for each group
 * @param mayHaveMore whether there are pending deliveries beyond these
 */
export function chooseDeliveries(
  lane: Lane,
  pending: readonly PendingDelivery[],
  requests: number,
  mayHaveMore: boolean,
  nowMs: number,
): Choice {
  const { batch = null, ordered = null } = lane.settings ?? {}
  if (ordered) return chooseInOrder(lane, pending, requests, mayHaveMore, nowMs)
  const due = pending.filter((delivery) => dueAtMs(delivery) <= nowMs)
  const later = pending.find((delivery) => dueAtMs(delivery) > nowMs)
  const { groups, waitsUntilMs } = batch
    ? toBatches(lane, due, batch, requests, nowMs)
    : {
        groups: due.slice(0, requests).map((delivery) => [delivery]),
        waitsUntilMs: Number.POSITIVE_INFINITY,
      }
  const taken = groups.reduce((sum, group) => sum + group.length, 0)
  const isLeft = groups.length === requests && taken < due.length
  if (isLeft || (mayHaveMore && !later)) return { groups, nextAtMs: nowMs }
  return { groups, nextAtMs: Math.min(waitsUntilMs, later ? dueAtMs(later) : Number.POSITIVE_INFINITY) }
}

/**
 * Returns the full batches, and a partial batch once its oldest delivery has waited long enough. Deliveries that waited
 * with a batch but did not fit are sent right after it.
 */
function toBatches(
  lane: Lane,
  due: readonly PendingDelivery[],
  { max_events: maxEvents, max_wait_ms: maxWaitMs }: BatchSettings,
  requests: number,
  nowMs: number,
): { groups: PendingDelivery[][]; waitsUntilMs: number } {
  const maxBytes = maxBatchBytes(lane, nowMs)
  const groups: PendingDelivery[][] = []
  let waitsUntilMs = Number.POSITIVE_INFINITY
  for (let start = 0; start < due.length && groups.length < requests; ) {
    const company = due.slice(start, start + maxEvents)
    const times = company.map(dueAtMs)
    const group = company.slice(0, countWithin(company.map(bytesOf), maxBytes))
    const isFull = company.length === maxEvents || group.length < company.length
    const goesAtMs = Math.min(...times) <= lane.waitedUntilMs ? nowMs : Math.min(...times) + maxWaitMs
    if (isFull || goesAtMs <= nowMs) {
      groups.push(group)
      // A batch with the maximum number of events does not show that later deliveries have waited long enough.
      if (group.length < maxEvents) lane.waitedUntilMs = Math.max(lane.waitedUntilMs, ...times)
    } else waitsUntilMs = goesAtMs
    start += group.length
  }
  return { groups, waitsUntilMs }
}

function bytesOf({ body }: PendingDelivery): number {
  return Buffer.byteLength(body)
}

/** The key for ordering by subscriber. All deliveries about no subscriber share one key. */
export function keyOf({ orderKey }: Pick<PendingDelivery, 'orderKey'>): string {
  return orderKey ?? ''
}

function dueAtMs({ nextAttemptAt }: PendingDelivery): number {
  return nextAttemptAt.getTime()
}

/**
 * Chooses the first pending deliveries of each key that has none under way, as many as a run of the lane may have. A
 * delivery that waits for its retry blocks later ones of its key. The lane remembers that key, so that the next read
 * leaves it out.
 */
function chooseInOrder(
  lane: Lane,
  pending: readonly PendingDelivery[],
  requests: number,
  mayHaveMore: boolean,
  nowMs: number,
): Choice {
  const isKeyed = lane.settings?.ordered === 'subscriber_id'
  const blocked = new Set(isKeyed ? lane.blocking.values() : [])
  const runs = new Map<string, PendingDelivery[]>()
  let laterAtMs = Number.POSITIVE_INFINITY
  for (const delivery of pending) {
    const key = isKeyed ? keyOf(delivery) : ''
    if (blocked.has(key)) continue
    if (dueAtMs(delivery) <= nowMs) {
      getOrInsert(runs, key, () => []).push(delivery)
      continue
    }
    blocked.add(key)
    laterAtMs = Math.min(laterAtMs, dueAtMs(delivery))
    if (isKeyed && !runs.has(key)) lane.waitingKeys.set(key, dueAtMs(delivery))
  }
  const longestWaitFirst = [...runs.values()].sort(([a], [b]) => dueAtMs(a!) - dueAtMs(b!))
  const groups = longestWaitFirst.slice(0, requests).map((run) => run.slice(0, lane.runLength))
  // The next read leaves out keys that wait or are under way, so it finds the deliveries of other keys.
  const isWorthReading = isKeyed || laterAtMs === Number.POSITIVE_INFINITY
  const isLeft = runs.size > requests
  return { groups, nextAtMs: isLeft || (mayHaveMore && isWorthReading) ? nowMs : laterAtMs }
}
