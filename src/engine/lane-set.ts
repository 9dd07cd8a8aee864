import type { Logger } from 'pino'
import type { Clock } from '../platform/clock.ts'
import type { Notices } from '../platform/db/notices.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { bucketOf, type LaneOwnership } from './lane-ownership.ts'
import { startSweeper } from './sweeper.ts'

/** What the lanes of a stage have in common, and how they differ from those of another. */
export interface LaneKind<Lane> {
  /** Named in log lines. */
  name: string
  /** How long work is gathered before a sweep. */
  gatherMs: number
  create(appId: string, laneId: string): Lane
  /** Something of the lane may be due at this time; milliseconds since the epoch. */
  noteDue(lane: Lane, atMs: number): void
  /** Whether work of the lane is under way. */
  isBusy(lane: Lane): boolean
  /** Whether a lane that is not busy can be forgotten. */
  isIdle(lane: Lane, nowMs: number): boolean
  /** What is remembered of a lane may no longer hold: announcements may have been lost. */
  invalidate?(lane: Lane): void
  /** Lanes where something is due, now or later, looked for in the database. */
  discover(): Promise<readonly DueLane[]>
  /**
   * Does what is due in the lanes that this process owns; those that were served last are at the end.
   *
   * @returns when something else is due, milliseconds since the epoch; 0: more is due now
   */
  sweep(lanes: readonly Lane[], nowMs: number): Promise<number>
}

export interface DueLane {
  appId: string
  laneId: string
  firstDueAt: Date
}

/** The lanes of one stage that are known to this process. */
export interface LaneSet<Lane> {
  get(laneId: string): Lane | undefined
  /** How many of them this process owns. */
  count(): number
  /** Something of a lane is due now. Others own it, or this process sweeps soon. */
  noteDue(appId: string, laneId: string): void
  /**
   * Lets lanes have their turn: they go to the end of the line. When it fails they are due again.
   *
   * @param laneIds of lanes that are known
   */
  serve(laneIds: readonly string[], turn: () => Promise<void>): Promise<void>
  /** Keeps work that must have ended before the process stops. Sweeps once it has. */
  track(work: Promise<void>): void
  wake(): void
  /** Looks for lanes in the database soon. */
  rediscover(): void
  /** Whether nothing more may start. */
  readonly isStopping: boolean
  /** Starts nothing more and lets what is under way end; calls `breakOff` when it has not after `timeoutMs`. */
  stop(timeoutMs: number, breakOff: () => void): Promise<void>
}

/** How often lanes are looked for when transactions announce what they made, and when they cannot. */
const discoverAnnouncedMs = 30_000
const discoverUnannouncedMs = 1_000
/** Of the time until the next: loops that ask at once would keep a connection each. */
const discoverSpread = 0.5

export function startLanes<Lane>(
  {
    clock,
    random,
    log,
    lanes: ownership,
    notices,
  }: { clock: Clock; random: () => number; log: Logger; lanes: LaneOwnership; notices: Notices },
  kind: LaneKind<Lane>,
): LaneSet<Lane> {
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
    // Farther away than that, the clock has gone back.
    const waitMs = discoverAtMs - now
    if (waitMs <= 0 || waitMs > discoverAnnouncedMs) await discover(now)
    const owned: Lane[] = []
    for (const [laneId, lane] of lanes) {
      const isOwned = ownership.owns(laneId)
      if (!kind.isBusy(lane) && (!isOwned || kind.isIdle(lane, now))) lanes.delete(laneId)
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
    get: (laneId) => lanes.get(laneId),
    count: () => [...lanes.keys()].filter(ownership.owns).length,
    noteDue(appId, laneId) {
      noteDue(appId, laneId, nowMs())
      sweeper.wake()
    },
    async serve(laneIds, turn) {
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
    track(work) {
      const tracked = work.finally(() => {
        underWay.delete(tracked)
        sweeper.wake()
      })
      underWay.add(tracked)
    },
    wake: sweeper.wake,
    rediscover,
    get isStopping() {
      return isStopping
    },
    async stop(timeoutMs, breakOff) {
      const timer = setTimeout(breakOff, timeoutMs)
      isStopping = true
      await sweeper.stop()
      await Promise.all(underWay)
      clearTimeout(timer)
    },
  }
}
