import type { BatchSettings } from '../../database.ts'
import { defaultBatchBytes } from '../../webhooks/batch-size.ts'
import { addRequest, freeRate, isRateInUse, type RateState } from './rate.ts'

/** How a webhook orders deliveries: all one after the other, or one after the other for each subscriber. */
export type Order = 'all' | 'subscriber_id'

/** The webhook settings that decide when deliveries may start. */
export interface LaneSettings {
  host: string
  /** Requests per second; null: no limit. */
  rateLimit: number | null
  /** Concurrent requests; null: the webhook sets no limit. */
  maxInFlight: number | null
  batch: BatchSettings | null
  ordered: Order | null
}

/** Pending deliveries of an ordered webhook that reads need not look through again (passed-deliveries.ts). */
export interface Passed {
  /** Each pending delivery with a smaller id is of one of `keys`. */
  beforeId: string
  keys: ReadonlySet<string>
}

/** The deliveries of one webhook, as the process that owns them knows them. */
export type Lane = ReturnType<typeof createLane>

export function createLane(appId: string, webhookId: string) {
  return {
    appId,
    webhookId,
    /** When a delivery may be due, milliseconds since the epoch; infinite: no pending delivery is known. */
    dueAtMs: Number.POSITIVE_INFINITY,
    /** Ids of the deliveries claimed and not yet recorded. */
    underWay: new Set<string>(),
    /** Those of them that did not succeed, or not yet: id → the ordering key by which later deliveries wait for it. */
    blocking: new Map<string, string>(),
    /** Settings as of the last read; null before the first. */
    settings: null as LaneSettings | null,
    rate: { freeAtMs: 0 } as RateState,
    /** Deliveries due by this time have waited long enough for a batch to fill; milliseconds since the epoch. */
    waitedUntilMs: 0,
    /** The size limit after the receiver refused a larger batch; null: it refused none. */
    tooLarge: null as { maxBytes: number; untilMs: number } | null,
    /** Keys whose first delivery waits for a retry → when it is due. Later deliveries of the key wait with it. */
    waitingKeys: new Map<string, number>(),
    passed: null as Passed | null,
    /** Deliveries whose results could not be stored → when they may be attempted again. */
    setAside: new Map<string, number>(),
    /** How many deliveries of a key go out one after the other before the lane is read again. */
    runLength: 1,
    /** When what is known about the lane was last discarded, by `performance.now()`. */
    changedAt: Number.NEGATIVE_INFINITY,
  }
}

/** Notes that a delivery of the lane is due at this time, unless an earlier time is already noted. */
export function noteDue(lane: Lane, atMs: number): void {
  lane.dueAtMs = Math.min(lane.dueAtMs, atMs)
}

/** Discards what is known about the lane, because its webhook or its deliveries may have changed. */
export function noteChanged(lane: Lane): void {
  lane.waitingKeys.clear()
  lane.passed = null
  lane.changedAt = performance.now()
}

/** A run never gets longer, however quickly a receiver answers. */
const maxRunLength = 128

/**
 * Notes that a request has ended. After a success, later deliveries need not wait until it is recorded: a crash repeats
 * them in their order.
 *
 * @param runMs how long a run may take
 */
export function noteAttempted(
  lane: Lane,
  deliveries: readonly { id: string }[],
  succeeded: boolean,
  durationMs: number,
  runMs: number,
): void {
  const inTime = Math.floor(runMs / Math.max(1, durationMs))
  lane.runLength = succeeded ? Math.min(maxRunLength, Math.max(1, inTime)) : 1
  if (succeeded) for (const { id } of deliveries) lane.blocking.delete(id)
}

/**
 * Notes that the result of a delivery under way is recorded.
 *
 * @param dueAgainAtMs when the delivery is to be attempted again; null: it has ended
 */
export function noteRecorded(lane: Lane, id: string, dueAgainAtMs: number | null, nowMs: number): void {
  const ordered = lane.settings?.ordered ?? null
  const key = lane.blocking.get(id)
  lane.underWay.delete(id)
  lane.blocking.delete(id)
  if (dueAgainAtMs !== null) {
    noteDue(lane, dueAgainAtMs)
    if (key !== undefined && ordered === 'subscriber_id') lane.waitingKeys.set(key, dueAgainAtMs)
  }
  // The deliveries that this one blocked may start now.
  else if (key !== undefined && ordered !== null) noteDue(lane, nowMs)
}

/** Ids of deliveries that a read must leave out: under way, or set aside. Those whose time has come are forgotten. */
export function idsTaken({ underWay, setAside }: Lane, nowMs: number): string[] {
  for (const [id, untilMs] of setAside) if (untilMs <= nowMs) setAside.delete(id)
  return [...underWay, ...setAside.keys()]
}

/** How long a webhook gets smaller batches. It ends because receivers change their size limits. */
const tooLargeMs = 3_600_000

/** Notes that the receiver refused a batch for its size. @param maxBytes the limit for its batches from now on */
export function noteTooLarge(lane: Lane, maxBytes: number, nowMs: number): void {
  lane.tooLarge = { maxBytes, untilMs: nowMs + tooLargeMs }
}

/** Maximum bytes of a request's body, for a webhook that takes batches. */
export function maxBatchBytes({ settings, tooLarge }: Lane, nowMs: number): number {
  const asked = settings?.batch?.max_bytes ?? defaultBatchBytes
  return tooLarge && tooLarge.untilMs > nowMs ? Math.min(asked, tooLarge.maxBytes) : asked
}

/** When this many subscribers wait for a retry, the receiver counts as failing: no other subscribers are tried. */
export const maxWaitingKeys = 1_000

/**
 * Returns until when an ordered lane may start nothing: the first of too many waiting keys is due then, or a delivery
 * that was set aside and that all others wait for.
 *
 * @returns milliseconds since the epoch; null: it may start deliveries
 */
function heldUntil({ settings, waitingKeys, setAside }: Lane, nowMs: number): number | null {
  const ordered = settings?.ordered
  const isFull = ordered === 'subscriber_id' && waitingKeys.size >= maxWaitingKeys
  if (!isFull && (ordered !== 'all' || setAside.size === 0)) return null
  const firstAtMs = Math.min(...(isFull ? waitingKeys : setAside).values())
  return firstAtMs > nowMs ? firstAtMs : null
}

/** How many requests a lane may start now and, if none, when to ask again. */
export interface Room {
  requests: number
  /** Milliseconds since the epoch; infinite: when a delivery under way ends. */
  againAtMs: number
}

/**
 * Returns how many requests of a lane may start now, by the lane's own limits.
 *
 * @param slots free slots for the lane, by how well its receiver and its host answer
 * @param inFlight the lane's requests under way
 */
export function roomOf(lane: Lane, slots: number, inFlight: number, nowMs: number): Room {
  const { rateLimit, maxInFlight, ordered } = lane.settings ?? unknownSettings
  const isHeld = ordered === 'all' && lane.blocking.size > 0
  const atOnce = Math.min(
    slots,
    (maxInFlight ?? Number.POSITIVE_INFINITY) - inFlight,
    ordered === 'all' ? 1 : slots,
  )
  if (isHeld || atOnce < 1) return { requests: 0, againAtMs: Number.POSITIVE_INFINITY }
  const heldUntilMs = heldUntil(lane, nowMs)
  if (heldUntilMs !== null) return { requests: 0, againAtMs: heldUntilMs }
  if (rateLimit === null) return { requests: atOnce, againAtMs: nowMs }
  const { requests, againAtMs } = freeRate(lane.rate, rateLimit, nowMs)
  return { requests: Math.min(atOnce, requests), againAtMs }
}

const unknownSettings: Pick<LaneSettings, 'rateLimit' | 'maxInFlight' | 'ordered'> = {
  rateLimit: null,
  maxInFlight: null,
  ordered: null,
}

/** Whether another process that took the lane over now could exceed the lane's limits. */
export function isBusy({ underWay, rate }: Lane, nowMs: number): boolean {
  return underWay.size > 0 || isRateInUse(rate, nowMs)
}

/** Counts a request that starts now against the lane's rate limit. */
export function noteRequest(lane: Lane, nowMs: number): void {
  const rateLimit = lane.settings?.rateLimit ?? null
  if (rateLimit !== null) addRequest(lane.rate, rateLimit, nowMs)
}
