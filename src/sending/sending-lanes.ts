import { appDeletions, sendingDue } from '../announcements.ts'
import { readSenders } from '../apps/senders.ts'
import type { Deps } from '../deps.ts'
import { startLanes } from '../engine/lane-set.ts'
import { shareBudget } from '../engine/turns.ts'
import { pipelined } from '../platform/db/db.ts'
import { readByIndex } from '../platform/db/read-by-index.ts'
import { completeOverdue } from './complete-overdue.ts'
import { findDueApps, type LaneRead, readDueBatches, readDueNotifications } from './due-store.ts'
import { type Due, keyOf } from './due-work.ts'
import { createPagesUnderWay } from './pages-under-way.ts'
import {
  choosePages,
  createSendingLane,
  isBusy,
  isIdle,
  keysTaken,
  kindOf,
  noteDue,
  type PageKind,
  type SendingLane,
} from './sending-lane.ts'

/** Maximum pages at a time. A large page holds 1,000 subscribers in memory. While one is recorded, others are sent. */
const maxPages = { small: 1_024, large: 6 }
const maxPagesPerLane = { small: 256, large: 3 }
const gatherMs = 2
const overdueEveryMs = 5_000

/**
 * Sends the due work of the lanes that this process owns. Each sweep reads the due work of all lanes and resolves the
 * small audiences, with a fixed number of statements. Each page of a large audience is read when it begins.
 */
export function startSendingLanes(deps: Deps) {
  const pages = createPagesUnderWay(deps, () => lanes)
  let overdueAtMs = 0

  const nowMs = () => deps.clock.now().getTime()
  const laneOf = (appId: string) => lanes.get(appId)!

  /** Shares the room for a kind of page among the lanes where pages of that kind are due. */
  const shareRoom = (owned: readonly SendingLane[], kind: PageKind, now: number): Map<string, number> => {
    const wishes = owned
      .filter(({ dueAtMs }) => dueAtMs[kind] <= now)
      .map(({ appId, underWay }) => ({ laneId: appId, room: maxPagesPerLane[kind] - underWay[kind].size }))
      .filter(({ room }) => room > 0)
    return shareBudget(wishes, maxPages[kind] - pages.count(kind))
  }

  const sweep = async (owned: readonly SendingLane[], now: number): Promise<number> => {
    if (owned.length === 0) return Number.POSITIVE_INFINITY
    // If the wait is longer than the interval, the clock was set back.
    if (now >= overdueAtMs || overdueAtMs > now + overdueEveryMs) {
      overdueAtMs = now + overdueEveryMs
      await completeOverdue(
        deps,
        owned.map(({ appId }) => appId),
      )
    }
    const room = { small: shareRoom(owned, 'small', now), large: shareRoom(owned, 'large', now) }
    const chosen = [...new Set([...room.small.keys(), ...room.large.keys()])]
    if (chosen.length === 0) {
      const times = owned.flatMap(({ dueAtMs }) => [dueAtMs.small, dueAtMs.large])
      return Math.min(overdueAtMs, ...times.filter((at) => at > now))
    }
    await lanes.serve(chosen, () => readAndBegin(chosen, room))
    return 0
  }

  const readAndBegin = async (appIds: readonly string[], room: Record<PageKind, Map<string, number>>) => {
    const reads = appIds.map((appId) => toRead(appId, room))
    // Collected before the read: a page that ends during the read still looks due in it, and must not be sent again.
    const taken = appIds.flatMap((appId) => keysTaken(laneOf(appId), nowMs()))
    // Reset before the read: the read may miss work announced from here on, so its due time must be kept.
    for (const kind of ['small', 'large'] as const) {
      for (const appId of room[kind].keys()) laneOf(appId).dueAtMs[kind] = Number.POSITIVE_INFINITY
    }
    const [notifications, batches, apps] = await readByIndex(deps.db, (connection) =>
      pipelined([
        readDueNotifications(connection, reads, taken),
        readDueBatches(connection, reads, taken),
        readSenders({ ...deps, db: connection }, appIds),
      ]),
    )
    if (lanes.isStopping) return
    const due = [...notifications, ...batches].map((what): Due => ({ ...what, key: keyOf(what), what }))
    const dueOf = Map.groupBy(due, ({ what }) => what.appId)
    const chosen = reads.flatMap((read) => choose(read, room, dueOf.get(read.appId) ?? []))
    await pages.begin(chosen, apps)
  }

  const choose = (
    read: LaneRead,
    room: Record<PageKind, Map<string, number>>,
    due: readonly Due[],
  ): Due[] => {
    const lane = laneOf(read.appId)
    const isFull = (kind: PageKind) => {
      const byRank = Map.groupBy(
        due.filter(({ rank }) => kindOf(rank) === kind),
        ({ rank, what }) => `${rank} ${'number' in what}`,
      )
      return read[kind] > 0 && byRank.values().some(({ length }) => length >= read[kind])
    }
    return choosePages(
      lane,
      due,
      { small: room.small.get(read.appId) ?? 0, large: room.large.get(read.appId) ?? 0 },
      { small: isFull('small'), large: isFull('large') },
      nowMs(),
    )
  }

  const lanes = startLanes<SendingLane>(deps, {
    name: 'sending',
    gatherMs,
    create: createSendingLane,
    noteDue(lane, atMs) {
      noteDue(lane, 'small', atMs)
      noteDue(lane, 'large', atMs)
    },
    isBusy,
    isIdle,
    discover: () => findDueApps(deps.db),
    sweep,
  })
  sendingDue.on(deps.notices, { named: (appId) => lanes.noteDue(appId, appId), missed: lanes.rediscover })
  appDeletions.on(deps.notices, { named: (appId) => lanes.get(appId)?.deleted.abort(), missed() {} })
  return {
    /** Number of lanes with something to do. */
    count: lanes.count,
    /** Begins no more pages and lets those under way end. After `timeoutMs`, their unsent pushes are deferred. */
    stop: (timeoutMs: number) => lanes.stop(timeoutMs, pages.breakOff),
  }
}

/** The sending lanes that this process owns. */
export type SendingLanes = ReturnType<typeof startSendingLanes>

/** Reads one row more of each rank than may be sent: that row tells whether there is more work, and when it is due. */
function toRead(appId: string, room: Record<PageKind, Map<string, number>>): LaneRead {
  const limit = (kind: PageKind) => {
    const wanted = room[kind].get(appId) ?? 0
    return wanted === 0 ? 0 : wanted + 1
  }
  return { appId, small: limit('small'), large: limit('large') }
}
