import type { Logger } from 'pino'
import type { Clock } from '../platform/clock.ts'
import type { Notices } from '../platform/db/notices.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { bucketOf, type LaneOwnership } from './lane-ownership.ts'
import { startSweeper } from './sweeper.ts'

/** Defines how the lanes of one stage behave. */
export interface LaneKind<Lane> {
  /** The name in log lines. */
  name: string
  /** How long to gather work before a sweep. */
  gatherMs: number
  create(appId: string, laneId: string): Lane
  /** Notes that work of the lane may be due at `atMs`, milliseconds since the epoch. */
  noteDue(lane: Lane, atMs: number): void
  /** Whether work of the lane is under way, or its limits are used up beyond now. The lane keeps its owner so long. */
  isBusy(lane: Lane): boolean
  /** Whether a lane that is not busy can be forgotten. */
  isIdle(lane: Lane): boolean
  /** Discards what is remembered of a lane, because announcements may have been lost. */
  invalidate?(lane: Lane): void
  /** Finds the lanes in the database where work is due, now or later. */
  discover(): Promise<readonly DueLane[]>
  /**
   * Does the due work of the lanes that this process owns. The lanes served last are at the end of the list.
   *
   * @returns when more work is due, milliseconds since the epoch; 0: more is due now
   */
  sweep(lanes: readonly Lane[], nowMs: number): Promise<number>
}

export interface DueLane {
  appId: string
  laneId: string
  firstDueAt: Date
}

/** How often to look for lanes in the database: while announcements of new work are heard, and while they are not. */
const discoverAnnouncedMs = 30_000
const discoverUnannouncedMs = 1_000
/** Random share cut from that interval: loops that query at the same time would each hold a connection. */
const discoverSpread = 0.5

/** Tracks the lanes of one stage that are known to this process, and sweeps those with work that is due. */
export function startLanes<Lane>(
  {
    clock,
    random,
    log,
    lanes: ownership,
    notices,
  }: { clock: Clock; random: () => number; log: Logger; lanes: LaneOwnership; notices: Notices },
  kind: LaneKind<Lane>,
) {
  const lanes = new Map<string, Lane>()
  const underWay = new Set<Promise<void>>()
  let isStopping = false
  let discoverAtMs = 0

  const nowMs = () => clock.now().getTime()
  const noteDue = (appId: string, laneId: string, atMs: number) => {
    if (!ownership.owns(laneId)) return
    kind.noteDue(
      getOrInsert(lanes, laneId, () => kind.create(appId, laneId)),
      atMs,
    )
  }
  const discover = async (now: number) => {
    const everyMs = notices.areHeard ? discoverAnnouncedMs : discoverUnannouncedMs
    discoverAtMs = now + everyMs * (1 - discoverSpread * random())
    for (const { appId, laneId, firstDueAt } of await kind.discover()) {
      noteDue(appId, laneId, firstDueAt.getTime())
    }
  }
  const sweep = async () => {
    const now = nowMs()
    // If the wait is longer than the longest interval, the clock was set back.
    const waitMs = discoverAtMs - now
    if (waitMs <= 0 || waitMs > discoverAnnouncedMs) await discover(now)
    const owned: Lane[] = []
    for (const [laneId, lane] of lanes) {
      const isOwned = ownership.owns(laneId)
      if (!kind.isBusy(lane) && (!isOwned || kind.isIdle(lane))) lanes.delete(laneId)
      else if (isOwned) owned.push(lane)
    }
    const nextAtMs = await kind.sweep(owned, now)
    return Math.min(nextAtMs, discoverAtMs) - nowMs()
  }
  const sweeper = startSweeper({
    name: kind.name,
    log,
    gatherMs: kind.gatherMs,
    maxIdleMs: discoverAnnouncedMs,
    sweep,
  })
  const rediscover = () => {
    discoverAtMs = 0
    if (kind.invalidate) for (const lane of lanes.values()) kind.invalidate(lane)
    sweeper.wake()
  }
  ownership.onGained(rediscover)
  ownership.onLeaving((bucket) =>
    lanes.entries().some(([laneId, lane]) => kind.isBusy(lane) && bucketOf(laneId) === bucket),
  )
  return {
    get: (laneId: string) => lanes.get(laneId),
    /** Number of known lanes that this process owns. */
    count: () => [...lanes.keys()].filter(ownership.owns).length,
    /** Notes that work of a lane is due now. If this process owns the lane, it sweeps soon. */
    noteDue(appId: string, laneId: string) {
      noteDue(appId, laneId, nowMs())
      sweeper.wake()
    },
    /**
     * Runs a turn for lanes and moves them to the end of the line. If the turn fails, the lanes are due again.
     *
     * @param laneIds ids of known lanes
     */
    async serve(laneIds: readonly string[], turn: () => Promise<void>) {
      const served = laneIds.map((laneId) => lanes.get(laneId)!)
      for (const [index, laneId] of laneIds.entries()) {
        lanes.delete(laneId)
        lanes.set(laneId, served[index]!)
      }
      await turn().catch((error: unknown) => {
        for (const lane of served) kind.noteDue(lane, nowMs())
        throw error
      })
    },
    /** Registers work that must end before the process stops. A sweep follows when the work ends. */
    track(work: Promise<void>) {
      const tracked = work.finally(() => {
        underWay.delete(tracked)
        sweeper.wake()
      })
      underWay.add(tracked)
    },
    wake: sweeper.wake,
    /** Makes the next sweep look for lanes in the database, and starts it soon. */
    rediscover,
    /** True once no more work may start. */
    get isStopping() {
      return isStopping
    },
    /** Starts no more work and waits for work under way. Calls `breakOff` if it has not ended after `timeoutMs`. */
    async stop(timeoutMs: number, breakOff: () => void) {
      const timer = setTimeout(breakOff, timeoutMs)
      isStopping = true
      await sweeper.stop()
      await Promise.all(underWay)
      clearTimeout(timer)
    },
  }
}

/** The lanes of one stage that are known to this process. */
export type LaneSet<Lane> = ReturnType<typeof startLanes<Lane>>
