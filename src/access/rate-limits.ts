import type { FastifyReply } from 'fastify'
import type { Logger } from 'pino'
import { createBackgroundWork } from '../platform/background-work.ts'
import type { Clock } from '../platform/clock.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { type CountedWindow, type CountedWindows, createCountedWindows } from './counted-windows.ts'
import { addCounts, deleteWindowsBefore } from './rate-limit-store.ts'

const windowMs = 60_000
/** Teams or clients that this process remembers per bucket. */
const maxSubjects = 100_000
/** Processes learn of each other's counts with this delay, plus the time of one statement. */
const settleEveryMs = 250
/** Windows per statement; further ones wait for the next statement. */
const maxSettled = 5_000
const cleanEveryMs = 300_000

const buckets = ['default', 'strict', 'public', 'unauthorized'] as const
export type Bucket = (typeof buckets)[number]

export interface RateLimitOptions {
  /** Requests per 60 s; 0 turns the bucket off. */
  limits: Record<Bucket, number>
  clock: Clock
  log: Logger
  /** The database where processes share their counts; absent: there is only this process. */
  shared: Db | undefined
}

export function createRateLimits({ limits, clock, log, shared }: RateLimitOptions) {
  const windowsOf = Object.fromEntries(
    buckets.map((bucket) => [bucket, createCountedWindows(windowMs, maxSubjects)]),
  ) as Record<Bucket, CountedWindows>
  const sharing = shared && createSharing(shared, clock, log)
  return {
    /**
     * Counts a request and puts the bucket's headers on the reply.
     *
     * @param subject a team's id or a client's address
     * @param requests counted all together; none is counted if fewer are left
     * @throws 429 when the window is used up
     */
    take(bucket: Bucket, subject: string, reply: FastifyReply, requests = 1) {
      const limit = limits[bucket]
      if (limit === 0) return
      const nowMs = clock.now().getTime()
      const window = windowsOf[bucket].at(subject, nowMs)
      const isRefused = window.count + requests > limit
      if (!isRefused) {
        window.count += requests
        window.unsettled += requests
        // Requests without a working key cost no statement: each process counts them for itself.
        if (bucket !== 'unauthorized') sharing?.add(`${bucket}:${subject}`, window)
      }
      reply.headers({
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, limit - window.count)),
        'x-ratelimit-reset': String(Math.ceil(window.endsAtMs / 1_000)),
      })
      if (isRefused) throw refusals.rateLimited(Math.max(1, Math.ceil((window.endsAtMs - nowMs) / 1_000)))
    },
    /** Whether the next request would be refused; counts nothing. */
    isUsedUp(bucket: Bucket, subject: string): boolean {
      const window = windowsOf[bucket].find(subject, clock.now().getTime())
      return limits[bucket] > 0 && (window?.count ?? 0) >= limits[bucket]
    },
    /** Shares the counts that other processes do not know yet. */
    stop: async () => sharing?.stop(),
  }
}

/** Counts requests per window, by team or client. Requests never wait for the database: counts are shared later. */
export type RateLimits = ReturnType<typeof createRateLimits>

/** Settles windows with the database, many in one statement. Rows are worthless once their windows have ended. */
function createSharing(db: Db, clock: Clock, log: Logger) {
  const unsettled = new Map<string, CountedWindow>()
  let cleanedAtMs = 0

  const settle = async () => {
    const nowMs = clock.now().getTime()
    const sent = [...unsettled].slice(0, maxSettled).map(([key, window]) => {
      unsettled.delete(key)
      return { key, window, points: window.unsettled }
    })
    const put = (key: string, window: CountedWindow) => {
      if (!unsettled.has(key)) unsettled.set(key, window)
    }
    try {
      const rows = await addCounts(
        db,
        sent.map(({ key, window, points }) => ({ key, points, expire: window.endsAtMs })),
        nowMs,
      )
      const counted = new Map(rows.map((row) => [row.key, row]))
      for (const { key, window, points } of sent) {
        const row = counted.get(key)!
        window.unsettled -= points
        window.count = row.points + window.unsettled
        // The clock of the process that started the window may be ahead.
        window.endsAtMs = Math.min(row.expire, nowMs + windowMs)
      }
    } catch (error) {
      for (const { key, window } of sent) if (window.endsAtMs > nowMs) put(key, window)
      throw error
    }
    if (nowMs - cleanedAtMs < cleanEveryMs) return
    cleanedAtMs = nowMs
    await deleteWindowsBefore(db, nowMs - windowMs)
  }
  const settling = createBackgroundWork({
    async work() {
      await settle()
      if (unsettled.size > 0) settling.request()
    },
    restMs: settleEveryMs,
    onError: (error) => log.warn({ err: error }, 'limits.settle_failed'),
  })
  return {
    /** @param key names the window in the database */
    add(key: string, window: CountedWindow) {
      unsettled.set(key, window)
      settling.request()
    },
    stop: settling.stop,
  }
}
