import { laneChanges, newDeliveries, parseLaneName } from '../../announcements.ts'
import type { Deps } from '../../deps.ts'
import { startLanes } from '../../engine/lane-set.ts'
import { shareBudget } from '../../engine/turns.ts'
import { firstIdOf } from '../../platform/ids.ts'
import { halvedBytes } from '../../webhooks/batch-size.ts'
import { maxRunMs } from '../../webhooks/outlast-run.ts'
import { type Attempt, attemptParcel, type Parcel } from '../attempt/attempt-delivery.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { createResultBuffer } from '../record/result-buffer.ts'
import { chooseDeliveries, keyOf } from './choose-deliveries.ts'
import { createDeliverySlots } from './delivery-slots.ts'
import { findPendingLanes, readLanes } from './due-store.ts'
import {
  createLane,
  idsTaken,
  isBusy,
  type Lane,
  noteAttempted,
  noteChanged,
  noteDue,
  noteRecorded,
  noteRequest,
  noteTooLarge,
  roomOf,
} from './lane.ts'
import { toLaneTarget } from './lane-target.ts'
import { type OrderedRead, passedAfter, startOfRead } from './passed-deliveries.ts'
import { reportAttempt } from './report-attempt.ts'

/** Limits memory: deliveries claimed and not yet recorded, over all webhooks. A lane with none may exceed it by one. */
const maxUnderWay = 2_048
/** Deliveries per sweep: some milliseconds of work for the database. */
const maxPerSweep = 512
/** Minimum deliveries read of a webhook ordered by subscriber, to find the first of each key. */
const orderedWindow = 128
const gatherMs = 3
/** A transaction may commit this long after it creates the ids of its deliveries. */
const latestCommitMs = 3_600_000

/**
 * Delivers the pending deliveries of the lanes that this process owns. Each sweep reads the deliveries that may start
 * now, in a fixed number of statements for all lanes, and starts them. Nothing is awaited between the read and the
 * start, so that no attempt starts after a webhook was disabled or deleted. Only the deliveries of an ordered webhook
 * start one after the other, each when the one before it has succeeded.
 */
export function startDeliveryLanes(deps: Deps) {
  const slots = createDeliverySlots()
  // A change of the webhook ends a run at once. Where announcements are not heard, each start has a read.
  const runMs = deps.notices.areHeard ? maxRunMs : 0
  let underWay = 0
  let oldestId = firstIdOf(new Date(0))

  const nowMs = () => deps.clock.now().getTime()

  const results = createResultBuffer(deps, (recorded) => {
    for (const { webhookId, id, dueAgainAtMs, isGivenUp } of recorded) {
      const lane = lanes.get(webhookId)
      if (!lane?.underWay.has(id)) continue
      underWay -= 1
      if (isGivenUp) lane.setAside.set(id, dueAgainAtMs!)
      noteRecorded(lane, id, dueAgainAtMs, nowMs())
    }
    lanes.wake()
  })

  /** Deliveries inserted from now on have ids greater than this, unless the clock goes back. */
  const latestId = () => firstIdOf(new Date(nowMs() - latestCommitMs))
  const discover = async () => {
    const latest = latestId()
    const found = await findPendingLanes(deps.db)
    for (const { laneId } of found) {
      const lane = lanes.get(laneId)
      if (lane) lane.passed = null
    }
    oldestId = found.reduce((oldest, { firstId }) => (firstId < oldest ? firstId : oldest), latest)
    return found
  }

  const roomNow = (lane: Lane, now: number) => roomOf(lane, slots.room(lane), slots.inUse(lane), now)

  /** Returns the lanes that may start requests now, and when the next of the others may. */
  const findReady = (owned: readonly Lane[], now: number) => {
    const ready: { lane: Lane; requests: number; laneId: string; room: number }[] = []
    let nextAtMs = Number.POSITIVE_INFINITY
    for (const lane of owned) {
      const laneId = lane.webhookId
      if (lane.dueAtMs > now) {
        nextAtMs = Math.min(nextAtMs, lane.dueAtMs)
        continue
      }
      const { requests, againAtMs } = roomNow(lane, now)
      if (requests > 0) ready.push({ lane, requests, laneId, room: requests * deliveriesPerRequest(lane) })
      else nextAtMs = Math.min(nextAtMs, againAtMs)
    }
    return { ready, nextAtMs }
  }

  const sweep = async (owned: readonly Lane[], now: number): Promise<number> => {
    const { ready, nextAtMs } = findReady(owned, now)
    const left = Math.min(maxPerSweep, maxUnderWay - underWay)
    // A lane with nothing under way is served even when other lanes use up the limit.
    const served =
      left >= ready.length
        ? ready
        : ready.filter(({ lane }) => lane.underWay.size === 0).slice(0, maxPerSweep)
    const shares = shareBudget(served, Math.max(left, served.length))
    if (shares.size === 0) return nextAtMs
    const chosen = served.filter(({ laneId }) => shares.has(laneId))
    await lanes.serve([...shares.keys()], () => readAndStart(chosen, shares))
    return 0
  }

  const readAndStart = async (
    chosen: readonly { lane: Lane; requests: number }[],
    shares: ReadonlyMap<string, number>,
  ) => {
    const reads = chosen.map(({ lane }) => toRead(lane, shares.get(lane.webhookId)!, nowMs()))
    const taken = chosen.flatMap(({ lane }) => idsTaken(lane, nowMs()))
    const readAt = performance.now()
    // The read may miss deliveries announced from here on, so `dueAtMs` is reset before the read, not after it.
    for (const { lane } of chosen)
      lane.dueAtMs = Math.min(Number.POSITIVE_INFINITY, ...lane.setAside.values())
    // The clock may have gone back since the last discovery.
    if (latestId() < oldestId) oldestId = latestId()
    const read = await readLanes(deps.db, reads, taken, oldestId, deps.clock.now())
    if (lanes.isStopping) return
    const now = nowMs()
    for (const [index, { lane, requests }] of chosen.entries()) {
      serve(lane, reads[index]!, requests, read.pending.get(lane.webhookId) ?? [], read.webhooks, readAt, now)
    }
  }

  const serve = (
    lane: Lane,
    read: OrderedRead,
    requests: number,
    pending: readonly PendingDelivery[],
    found: Awaited<ReturnType<typeof readLanes>>['webhooks'],
    readAt: number,
    now: number,
  ) => {
    if (!deps.lanes.owns(lane.webhookId)) return
    const webhook = found.get(lane.webhookId)
    const isOver = (delivery: PendingDelivery) =>
      delivery.isCanceled || webhook?.generation !== delivery.generation
    for (const delivery of pending.filter(isOver)) {
      claim(lane, delivery)
      results.add({ kind: 'canceled', delivery })
    }
    const open = pending.filter((delivery) => !isOver(delivery))
    const mayHaveMore = pending.length === read.limit
    const isPassing = read.ordered === 'subscriber_id' && lane.changedAt < readAt
    lane.passed = isPassing ? passedAfter(lane.passed, read, pending) : null
    if (!webhook || open.length === 0) {
      if (mayHaveMore) noteDue(lane, now)
      return
    }
    const target = toLaneTarget(deps, webhook)
    if (!target) return noteDue(lane, now + unreadableRetryMs)
    lane.settings = target.settings
    // The read used another order than the webhook's settings ask for, so the lane is read again.
    if (lane.settings.ordered !== read.ordered) return noteDue(lane, now)
    const { requests: allowed } = roomNow(lane, now)
    const choice = chooseDeliveries(lane, open, Math.min(requests, allowed), mayHaveMore, now)
    const batched = lane.settings.batch !== null
    for (const group of choice.groups) {
      const requests = batched ? [group] : group.map((delivery) => [delivery])
      const parcels = requests.map((deliveries) => ({ deliveries, webhook, target: target.target, batched }))
      lanes.track(sendInTurn(lane, parcels, readAt))
    }
    noteDue(lane, Math.min(choice.nextAtMs, ...lane.waitingKeys.values()))
  }

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
    !lanes.isStopping &&
    deps.lanes.owns(lane.webhookId) &&
    lane.changedAt < readAt &&
    performance.now() < readAt + runMs &&
    roomNow(lane, nowMs()).requests > 0

  /** Sends parcels one after the other. After a failure or a change, the rest stay pending and are read again. */
  const sendInTurn = async (lane: Lane, parcels: readonly Parcel[], readAt: number) => {
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
    if (lanes.isStopping && attempt.outcome.error === 'aborted') return release(lane, deliveries)
    if (splitTooLarge(lane, parcel, attempt.outcome.status)) return
    noteAttempted(lane, deliveries, attempt.outcome.succeeded, attempt.durationMs, runMs)
    for (const delivery of deliveries) results.add({ kind: 'attempted', delivery, webhook, attempt })
    reportAttempt(deps, parcel, attempt)
  }

  const lanes = startLanes<Lane>(deps, {
    name: 'deliveries',
    gatherMs,
    create: createLane,
    noteDue,
    isBusy: (lane) => isBusy(lane, nowMs()),
    isIdle: ({ dueAtMs }) => dueAtMs === Number.POSITIVE_INFINITY,
    invalidate: noteChanged,
    discover,
    sweep,
  })
  const noteNew = (name: string) => {
    const { appId, webhookId } = parseLaneName(name)
    lanes.noteDue(appId, webhookId)
  }
  newDeliveries.on(deps.notices, { named: noteNew, missed: lanes.rediscover })
  laneChanges.on(deps.notices, {
    named(name) {
      const lane = lanes.get(parseLaneName(name).webhookId)
      if (lane) noteChanged(lane)
      noteNew(name)
    },
    missed: lanes.rediscover,
  })
  return {
    /** The number of known lanes that this process owns. */
    count: lanes.count,
    /** Starts no more attempts and records those under way as they end; aborts them after `timeoutMs`. */
    async stop(timeoutMs: number) {
      await lanes.stop(timeoutMs, () => void deps.outbound.close())
      await results.drain()
    },
  }
}

/** The delivery lanes that this process owns. */
export type DeliveryLanes = ReturnType<typeof startDeliveryLanes>

/** Pause before a webhook with unreadable secrets is tried again: an operator has to configure its key first. */
const unreadableRetryMs = 30_000

/** @returns how many deliveries one of the lane's next requests stands for when lanes share what is read */
function deliveriesPerRequest({ settings, runLength }: Lane): number {
  return settings?.ordered === 'all' ? runLength : (settings?.batch?.max_events ?? 1)
}

function toRead(lane: Lane, share: number, nowMs: number): OrderedRead {
  const { appId, webhookId, settings } = lane
  const ordered = settings?.ordered ?? null
  for (const [key, dueAtMs] of lane.waitingKeys) if (dueAtMs <= nowMs) lane.waitingKeys.delete(key)
  const isKeyed = ordered === 'subscriber_id'
  const waitingKeys = isKeyed ? [...lane.waitingKeys.keys()] : []
  const blocking = new Map(isKeyed ? lane.blocking : [])
  const blockedKeys = [...waitingKeys, ...blocking.values()]
  const fromId = startOfRead(lane.passed, blockedKeys)
  // Reading one more than may start tells when the next is due. A webhook with batches needs a full batch.
  const wanted = Math.max(share, settings?.batch?.max_events ?? 0) + 1
  const limit = isKeyed ? Math.max(wanted, orderedWindow) : wanted
  return { appId, webhookId, limit, ordered, blockedKeys, fromId, waitingKeys, blocking, atMs: nowMs }
}
