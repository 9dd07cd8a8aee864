import type { Logger } from 'pino'
import type { Db } from '../platform/db/db.ts'
import type { Notices } from '../platform/db/notices.ts'
import { newId } from '../platform/ids.ts'
import { bucketCount, type Holding, onBucketsReleased, releaseBuckets, renewBuckets } from './lane-store.ts'
import { startSweeper } from './sweeper.ts'

/**
 * Knows which lanes this process owns. The id of a lane (a webhook's deliveries, an app's sending) assigns it to one of
 * {@link bucketCount} buckets. Each bucket is leased by one process at a time.
 */
export interface LaneOwnership {
  /** Whether work of the lane may start in this process now. False as soon as the lease might have lapsed. */
  owns(laneId: string): boolean
  /** Whether work of the lane that is under way may continue here: also while the lane is being handed back. */
  holds(laneId: string): boolean
  /** Like {@link holds}, but first asks the database when the lease might have lapsed. */
  confirm(laneId: string): Promise<boolean>
  /** Number of buckets in which this process may start work now. */
  bucketsOwned(): number
  /** Calls `callback` when this process gains buckets: it must then look for due work in their lanes. */
  onGained(callback: () => void): void
  /** Keeps a bucket that is being handed back while `isBusy` reports work under way in one of its lanes. */
  onLeaving(isBusy: (bucket: number) => boolean): void
  /** Hands back idle buckets at once, the others when they become idle, and all of them after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>
}

export interface LeaseTimes {
  /** How long a lease is valid. After this time, other processes take over the lanes of a crashed process. */
  leaseMs: number
  /** How often to renew leases and look for free buckets. */
  renewMs: number
}

export const leaseTimes: LeaseTimes = { leaseMs: 10_000, renewMs: 3_000 }
/** A lease counts as lapsed here this long before it lapses in the database, whose clock decides. */
const marginMs = 1_000
/** How often to check whether a bucket that is being handed back has become idle. */
const leavingPollMs = 50

/** @returns the bucket of a lane, computed from the random end of its UUIDv7 */
export function bucketOf(laneId: string): number {
  return Number.parseInt(laneId.slice(-4), 16) % bucketCount
}

/** For the only process on a database: it owns all lanes. */
export function ownAllLanes(): LaneOwnership {
  return {
    owns: () => true,
    holds: () => true,
    confirm: async () => true,
    bucketsOwned: () => bucketCount,
    onGained: (callback) => callback(),
    onLeaving: () => {},
    stop: async () => {},
  }
}

/** For a process without a worker: it owns no lanes. */
export function noLanes(): LaneOwnership {
  return {
    owns: () => false,
    holds: () => false,
    confirm: async () => false,
    bucketsOwned: () => 0,
    onGained: () => {},
    onLeaving: () => {},
    stop: async () => {},
  }
}

/**
 * Leases a fair share of the buckets: two processes lease half each. Takes the free ones before it resolves.
 *
 * @param now a clock in milliseconds that also runs while the process is suspended
 */
export async function leaseLanes(
  { db, log, notices }: { db: Db; log: Logger; notices: Notices },
  times: LeaseTimes = leaseTimes,
  now: () => number = () => performance.now(),
): Promise<LaneOwnership> {
  const owner = newId()
  const owned = new Set<number>()
  const leaving = new Set<number>()
  const gained: (() => void)[] = []
  const busy: ((bucket: number) => boolean)[] = []
  /** Callers that wait for the next renewal. */
  const waiting = new Set<() => void>()
  let validUntil = 0
  /** The last renewal that gained lanes. */
  let gainedAt = 0
  let stopping = false
  let stopped = false

  const isValid = () => now() < validUntil
  const answerWaiting = () => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  const isBusy = (bucket: number) => busy.some((ask) => ask(bucket))

  const releaseIdle = async (all = false) => {
    const idle = [...leaving].filter((bucket) => all || !isBusy(bucket))
    // A process that stops leaves `workers`, even without buckets: the others would keep a share of them free for it.
    if (idle.length === 0 && !all) return
    await releaseBuckets(db, owner, idle, times.renewMs)
    for (const bucket of idle) {
      owned.delete(bucket)
      leaving.delete(bucket)
    }
    if (idle.length > 0) log.info({ buckets: idle.length, left: owned.size }, 'lanes.released')
  }

  const apply = ({ buckets, processes }: Holding, askedAt: number) => {
    validUntil = askedAt + times.leaseMs - marginMs
    const held = new Set(buckets)
    const lost = [...owned].filter((bucket) => !held.has(bucket))
    const fresh = buckets.filter((bucket) => !owned.has(bucket))
    for (const bucket of lost) {
      owned.delete(bucket)
      leaving.delete(bucket)
    }
    for (const bucket of fresh) owned.add(bucket)
    if (fresh.length > 0) gainedAt = askedAt
    // Overdue lanes, taken beyond the share, stay for a while: their due work has to begin before they are given back.
    if (askedAt >= gainedAt + times.renewMs / 2) {
      const share = Math.ceil(bucketCount / processes)
      for (const bucket of buckets.slice(share)) leaving.add(bucket)
    }
    if (isValid()) answerWaiting()
    if (lost.length > 0) log.warn({ buckets: lost.length, left: owned.size }, 'lanes.lost')
    if (fresh.length === 0) return
    log.info({ buckets: fresh.length, owned: owned.size, processes }, 'lanes.taken')
    for (const callback of gained) callback()
  }

  const renew = async () => {
    if (stopping && owned.size === 0) return times.renewMs
    const askedAt = now()
    apply(await renewBuckets(db, owner, times.leaseMs, !stopping), askedAt)
    await releaseIdle()
    return leaving.size > 0 ? leavingPollMs : times.renewMs
  }
  await renew()
  const sweeper = startSweeper({
    name: 'lanes',
    log,
    gatherMs: 0,
    maxIdleMs: times.renewMs,
    sweep: renew,
  })
  onBucketsReleased(notices, () => sweeper.wake())
  return {
    owns(laneId) {
      const bucket = bucketOf(laneId)
      return owned.has(bucket) && !leaving.has(bucket) && isValid()
    },
    holds: (laneId) => owned.has(bucketOf(laneId)) && isValid(),
    async confirm(laneId) {
      if (!isValid() && !stopped) {
        const { promise, resolve } = Promise.withResolvers<void>()
        waiting.add(resolve)
        sweeper.wake()
        await promise
      }
      return owned.has(bucketOf(laneId)) && isValid()
    },
    bucketsOwned: () => (isValid() ? owned.size - leaving.size : 0),
    onGained(callback) {
      gained.push(callback)
      callback()
    },
    onLeaving: (ask) => void busy.push(ask),
    async stop(timeoutMs) {
      stopping = true
      for (const bucket of owned) leaving.add(bucket)
      const giveUpAt = now() + timeoutMs
      while (owned.size > 0 && now() < giveUpAt) {
        sweeper.wake()
        await new Promise((resolve) => setTimeout(resolve, leavingPollMs))
      }
      stopped = true
      answerWaiting()
      await sweeper.stop()
      await releaseIdle(true)
    },
  }
}
