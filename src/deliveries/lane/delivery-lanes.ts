import { laneChanges, newDeliveries, parseLaneName } from '../../announcements.ts'
import type { Deps } from '../../deps.ts'
import { startLanes } from '../../engine/lane-set.ts'
import { shareBudget } from '../../engine/turns.ts'
import { firstIdOf } from '../../platform/ids.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { chooseDeliveries } from './choose-deliveries.ts'
import { createDeliveryRuns } from './delivery-runs.ts'
import { findPendingLanes, readLanes } from './due-store.ts'
import { createLane, idsTaken, isBusy, type Lane, noteChanged, noteDue } from './lane.ts'
import { toLaneTarget } from './lane-target.ts'
import { type OrderedRead, passedAfter, startOfRead } from './passed-deliveries.ts'

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
  const runs = createDeliveryRuns(deps, () => lanes)
  let oldestId = firstIdOf(new Date(0))

  const nowMs = () => deps.clock.now().getTime()

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
      const { requests, againAtMs } = runs.roomNow(lane, now)
      if (requests > 0) ready.push({ lane, requests, laneId, room: requests * deliveriesPerRequest(lane) })
      else nextAtMs = Math.min(nextAtMs, againAtMs)
    }
    return { ready, nextAtMs }
  }

  const sweep = async (owned: readonly Lane[], now: number): Promise<number> => {
    const { ready, nextAtMs } = findReady(owned, now)
    const left = Math.min(maxPerSweep, maxUnderWay - runs.count())
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
    for (const delivery of pending.filter(isOver)) runs.cancel(lane, delivery)
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
    const { requests: allowed } = runs.roomNow(lane, now)
    const choice = chooseDeliveries(lane, open, Math.min(requests, allowed), mayHaveMore, now)
    const batched = lane.settings.batch !== null
    for (const group of choice.groups) {
      const requests = batched ? [group] : group.map((delivery) => [delivery])
      const parcels = requests.map((deliveries) => ({ deliveries, webhook, target: target.target, batched }))
      lanes.track(runs.send(lane, parcels, readAt))
    }
    noteDue(lane, Math.min(choice.nextAtMs, ...lane.waitingKeys.values()))
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
      await runs.drain()
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
