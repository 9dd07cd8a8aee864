import type { BatchSettings } from '../../database.ts'
import { defaultBatchBytes } from '../../webhooks/batch-size.ts'
import { addRequest, freeRate, type RateState } from './rate.ts'

/** How a webhook wants its deliveries: all one after the other, those of each subscriber, or as they come. */
export type Order = 'all' | 'subscriber_id'

/** What of a webhook's settings decides when its deliveries may start. */
export interface LaneSettings {
  host: string
  /** Requests per second; null: no limit. */
  rateLimit: number | null
  /** Requests at a time; null: no limit of its own. */
  maxInFlight: number | null
  batch: BatchSettings | null
  ordered: Order | null
}

/** The deliveries of one webhook, as the process that owns them knows them. */
export interface Lane {
  appId: string
  webhookId: string
  /** When something may be due, milliseconds since the epoch; infinite: nothing is known of. */
  dueAtMs: number
  /** Deliveries taken up and not yet recorded: id → what others wait for it by, should the webhook want an order. */
  underWay: Map<string, string>
  /** As of the last read; null before the first. */
  settings: LaneSettings | null
  rate: RateState
  /** Deliveries that were due by then have waited for company long enough; milliseconds since the epoch. */
  waitedUntilMs: number
  /** What its batches may be: larger ones were too large for the receiver. */
  tooLarge: { maxBytes: number; untilMs: number } | null
  /** Keys whose first delivery waits for a retry → when it is due. Later deliveries of the key wait with it. */
  waitingKeys: Map<string, number>
}

export function createLane(appId: string, webhookId: string): Lane {
  return {
    appId,
    webhookId,
    dueAtMs: Number.POSITIVE_INFINITY,
    underWay: new Map(),
    settings: null,
    rate: { freeAtMs: 0 },
    waitedUntilMs: 0,
    tooLarge: null,
    waitingKeys: new Map(),
  }
}

/** Something of the lane is due at this time, or sooner. */
export function noteDue(lane: Lane, atMs: number): void {
  lane.dueAtMs = Math.min(lane.dueAtMs, atMs)
}

/**
 * The result of a delivery that was under way is recorded.
 *
 * @param key what others waited for it by
 * @param dueAgainAtMs when it is to be attempted again; null: it has ended
 */
export function noteRecorded(lane: Lane, key: string, dueAgainAtMs: number | null, nowMs: number): void {
  const ordered = lane.settings?.ordered ?? null
  if (dueAgainAtMs !== null) noteDue(lane, dueAgainAtMs)
  if (dueAgainAtMs !== null && ordered === 'subscriber_id') lane.waitingKeys.set(key, dueAgainAtMs)
  // Those that it held back.
  else if (ordered !== null) noteDue(lane, nowMs)
}

/** For so long a webhook gets smaller batches: receivers change what they take. */
const tooLargeMs = 3_600_000

/** The receiver refused a batch for its size. @param maxBytes what its batches may be from now on */
export function noteTooLarge(lane: Lane, maxBytes: number, nowMs: number): void {
  lane.tooLarge = { maxBytes, untilMs: nowMs + tooLargeMs }
}

/** Bytes of a request's body, for a webhook that takes batches. */
export function maxBatchBytes({ settings, tooLarge }: Lane, nowMs: number): number {
  const asked = settings?.batch?.max_bytes ?? defaultBatchBytes
  return tooLarge && tooLarge.untilMs > nowMs ? Math.min(asked, tooLarge.maxBytes) : asked
}

/** So many subscribers whose first delivery waits for a retry say that the receiver fails: no others are tried. */
export const maxWaitingKeys = 1_000

/** @returns when a key that waits is due, milliseconds since the epoch; null: there may be more of them */
function fullUntil({ settings, waitingKeys }: Lane, nowMs: number): number | null {
  if (settings?.ordered !== 'subscriber_id' || waitingKeys.size < maxWaitingKeys) return null
  const firstAtMs = Math.min(...waitingKeys.values())
  return firstAtMs > nowMs ? firstAtMs : null
}

/** What a lane may start now, and otherwise when it is worth asking again. */
export interface Room {
  requests: number
  /** Milliseconds since the epoch; infinite: when something under way ends. */
  againAtMs: number
}

/**
 * How many requests of a lane may start now, by its own limits.
 *
 * @param slots free for it by how well its receiver and its host answer
 * @param inFlight its requests under way
 */
export function roomOf(lane: Lane, slots: number, inFlight: number, nowMs: number): Room {
  const { rateLimit, maxInFlight, ordered } = lane.settings ?? unknownSettings
  const isHeld = ordered === 'all' && lane.underWay.size > 0
  const atOnce = Math.min(
    slots,
    (maxInFlight ?? Number.POSITIVE_INFINITY) - inFlight,
    ordered === 'all' ? 1 : slots,
  )
  if (isHeld || atOnce < 1) return { requests: 0, againAtMs: Number.POSITIVE_INFINITY }
  const fullUntilMs = fullUntil(lane, nowMs)
  if (fullUntilMs !== null) return { requests: 0, againAtMs: fullUntilMs }
  if (rateLimit === null) return { requests: atOnce, againAtMs: nowMs }
  const { requests, againAtMs } = freeRate(lane.rate, rateLimit, nowMs)
  return { requests: Math.min(atOnce, requests), againAtMs }
}

const unknownSettings: Pick<LaneSettings, 'rateLimit' | 'maxInFlight' | 'ordered'> = {
  rateLimit: null,
  maxInFlight: null,
  ordered: null,
}

/** A request of the lane starts now. */
export function noteRequest(lane: Lane, nowMs: number): void {
  const rateLimit = lane.settings?.rateLimit ?? null
  if (rateLimit !== null) addRequest(lane.rate, rateLimit, nowMs)
}
