import type { BatchSettings } from '../../database.ts'
import { countWithin } from '../../webhooks/batch-size.ts'
import type { PendingDelivery } from './due-store.ts'
import { type Lane, maxBatchBytes } from './lane.ts'

/** The deliveries of a lane to send now. */
export interface Choice {
  /** The deliveries of each request. */
  parcels: PendingDelivery[][]
  /** When the next delivery may start, milliseconds since the epoch; infinite: none of the rest waits for a time. */
  nextAtMs: number
}

/**
 * Chooses the deliveries to send now, and groups them into requests.
 *
 * @param pending the lane's first pending deliveries, in the order that its settings ask for
 * @param requests how many requests may start
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
  const candidates = ordered ? firstOfEachKey(lane, pending, nowMs) : pending
  const due = candidates.filter(({ nextAttemptAt }) => nextAttemptAt.getTime() <= nowMs)
  const later = candidates.find(({ nextAttemptAt }) => nextAttemptAt.getTime() > nowMs)
  const laterAtMs = later?.nextAttemptAt.getTime() ?? Number.POSITIVE_INFINITY
  const { parcels, waitsUntilMs } = batch
    ? toBatches(lane, due, batch, requests, nowMs)
    : {
        parcels: due.slice(0, requests).map((delivery) => [delivery]),
        waitsUntilMs: Number.POSITIVE_INFINITY,
      }
  const taken = parcels.reduce((sum, parcel) => sum + parcel.length, 0)
  const isLeft = parcels.length === requests && taken < due.length
  // The next read leaves out keys that wait or are under way, so it finds the deliveries of other keys.
  const isWorthReading = later === undefined || ordered === 'subscriber_id'
  if (isLeft || (mayHaveMore && isWorthReading)) return { parcels, nextAtMs: nowMs }
  return { parcels, nextAtMs: Math.min(waitsUntilMs, laterAtMs) }
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
): { parcels: PendingDelivery[][]; waitsUntilMs: number } {
  const maxBytes = maxBatchBytes(lane, nowMs)
  const parcels: PendingDelivery[][] = []
  let waitsUntilMs = Number.POSITIVE_INFINITY
  for (let start = 0; start < due.length && parcels.length < requests; ) {
    const company = due.slice(start, start + maxEvents)
    const times = company.map(({ nextAttemptAt }) => nextAttemptAt.getTime())
    const parcel = company.slice(0, countWithin(company.map(bytesOf), maxBytes))
    const isFull = company.length === maxEvents || parcel.length < company.length
    const goesAtMs = Math.min(...times) <= lane.waitedUntilMs ? nowMs : Math.min(...times) + maxWaitMs
    if (isFull || goesAtMs <= nowMs) {
      parcels.push(parcel)
      // A batch with the maximum number of events does not show that later deliveries have waited long enough.
      if (parcel.length < maxEvents) lane.waitedUntilMs = Math.max(lane.waitedUntilMs, ...times)
    } else waitsUntilMs = goesAtMs
    start += parcel.length
  }
  return { parcels, waitsUntilMs }
}

function bytesOf({ body }: PendingDelivery): number {
  return Buffer.byteLength(body)
}

/** The key for ordering by subscriber. All deliveries about no subscriber share one key. */
export function keyOf({ orderKey }: Pick<PendingDelivery, 'orderKey'>): string {
  return orderKey ?? ''
}

/**
 * Returns the first pending delivery of each key that has none under way. A delivery that waits for its retry blocks
 * later ones of its key. The lane remembers that key, so that the next read leaves it out.
 */
function firstOfEachKey(lane: Lane, pending: readonly PendingDelivery[], nowMs: number): PendingDelivery[] {
  const isKeyed = lane.settings?.ordered === 'subscriber_id'
  const seen = new Set(lane.underWay.values())
  const first: PendingDelivery[] = []
  for (const delivery of pending) {
    const key = isKeyed ? keyOf(delivery) : ''
    if (seen.has(key)) continue
    seen.add(key)
    first.push(delivery)
    const dueAtMs = delivery.nextAttemptAt.getTime()
    if (isKeyed && dueAtMs > nowMs) lane.waitingKeys.set(key, dueAtMs)
  }
  return first.sort((a, b) => a.nextAttemptAt.getTime() - b.nextAttemptAt.getTime())
}
