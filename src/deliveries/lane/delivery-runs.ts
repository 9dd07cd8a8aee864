import type { Deps } from '../../deps.ts'
import type { LaneSet } from '../../engine/lane-set.ts'
import { halvedBytes } from '../../webhooks/batch-size.ts'
import { maxRunMs } from '../../webhooks/outlast-run.ts'
import { type Attempt, attemptParcel, type Parcel } from '../attempt/attempt-delivery.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { createResultBuffer } from '../record/result-buffer.ts'
import { keyOf } from './choose-deliveries.ts'
import { createDeliverySlots } from './delivery-slots.ts'
import { type Lane, noteAttempted, noteDue, noteRecorded, noteRequest, noteTooLarge, roomOf } from './lane.ts'
import { reportAttempt } from './report-attempt.ts'

/**
 * The deliveries under way, over all lanes: from when they are chosen until their results are recorded.
 *
 * @param lanes the lanes of this process, which are started after this function returns
 */
export function createDeliveryRuns(deps: Deps, lanes: () => LaneSet<Lane>) {
  const slots = createDeliverySlots()
  // A change of the webhook ends a run at once. Where announcements are not heard, each start has a read.
  const runMs = deps.notices.areHeard ? maxRunMs : 0
  let underWay = 0

  const nowMs = () => deps.clock.now().getTime()

  const results = createResultBuffer(deps, (recorded) => {
    for (const { webhookId, id, dueAgainAtMs, isGivenUp } of recorded) {
      const lane = lanes().get(webhookId)
      if (!lane?.underWay.has(id)) continue
      underWay -= 1
      if (isGivenUp) lane.setAside.set(id, dueAgainAtMs!)
      noteRecorded(lane, id, dueAgainAtMs, nowMs())
    }
    lanes().wake()
  })

  /** Returns how many requests of a lane may start now, by all limits. */
  const roomNow = (lane: Lane, now: number) => roomOf(lane, slots.room(lane), slots.inUse(lane), now)

  const claim = (lane: Lane, { id }: PendingDelivery) => {
    lane.underWay.add(id)
    underWay += 1
  }

  /** Splits a batch that the receiver refused as too large. This does not count as an attempt of its events. */
  const splitTooLarge = (lane: Lane, { deliveries, batched }: Parcel, status: number | null): boolean => {
    const sizes = deliveries.map(({ body }) => Buffer.byteLength(body))
    const maxBytes = batched ? halvedBytes(status, sizes) : null
    if (maxBytes === null) return false
    noteTooLarge(lane, maxBytes, nowMs())
    release(lane, deliveries)
    const { appId, webhookId } = lane
    deps.log.info({ appId, webhookId, events: sizes.length, maxBytes }, 'delivery.batch_too_large')
    return true
  }

  /** Nothing was recorded for these deliveries, so they are still pending and due now. */
  const release = (lane: Lane, deliveries: readonly PendingDelivery[]) => {
    for (const { id } of deliveries) {
      lane.underWay.delete(id)
      lane.blocking.delete(id)
    }
    underWay -= deliveries.length
    noteDue(lane, nowMs())
  }

  /** Whether another delivery of a run may start, by what was read at `readAt`. */
  const mayContinue = (lane: Lane, readAt: number) =>
    !lanes().isStopping &&
    deps.lanes.owns(lane.webhookId) &&
    lane.changedAt < readAt &&
    performance.now() < readAt + runMs &&
    roomNow(lane, nowMs()).requests > 0

  /**
   * Sends parcels one after the other. After a failure or a change, the rest stay pending and are read again.
   *
   * @param readAt when the parcels were read, by `performance.now()`
   */
  const send = async (lane: Lane, parcels: readonly Parcel[], readAt: number) => {
    for (const [index, parcel] of parcels.entries()) {
      // Nothing is awaited between the end of one request and the start of the next, so all limits stay exact.
      if (index > 0 && !mayContinue(lane, readAt)) break
      const giveBack = start(lane, parcel)
      const attempt = await attemptParcel(deps, parcel)
      giveBack(attempt)
      settle(lane, parcel, attempt)
      if (!attempt.outcome.succeeded) return
    }
    // Deliveries that waited for these may start now. After a failure they wait until it is recorded.
    if (lane.settings!.ordered) noteDue(lane, nowMs())
  }

  /** Counts a request that starts now against all limits. @returns gives its slots back */
  const start = (lane: Lane, { deliveries }: Parcel) => {
    for (const delivery of deliveries) {
      claim(lane, delivery)
      lane.blocking.set(delivery.id, keyOf(delivery))
    }
    noteRequest(lane, nowMs())
    return slots.take(lane)
  }

  const settle = (lane: Lane, parcel: Parcel, attempt: Attempt) => {
    const { deliveries, webhook } = parcel
    // The service aborted this request itself. The receiver did not fail, and the lane's next owner tries again.
    if (lanes().isStopping && attempt.outcome.error === 'aborted') return release(lane, deliveries)
    if (splitTooLarge(lane, parcel, attempt.outcome.status)) return
    noteAttempted(lane, deliveries, attempt.outcome.succeeded, attempt.durationMs, runMs)
    for (const delivery of deliveries) results.add({ kind: 'attempted', delivery, webhook, attempt })
    reportAttempt(deps, parcel, attempt)
  }

  return {
    /** Number of deliveries under way. */
    count: () => underWay,
    roomNow,
    /** Ends a delivery without an attempt. */
    cancel(lane: Lane, delivery: PendingDelivery) {
      claim(lane, delivery)
      results.add({ kind: 'canceled', delivery })
    },
    send,
    /** Resolves once the results of all attempts that have ended are recorded. */
    drain: results.drain,
  }
}
