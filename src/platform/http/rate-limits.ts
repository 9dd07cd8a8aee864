import type { FastifyReply } from 'fastify'
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
} from 'rate-limiter-flexible'
import type { ConnectionPool } from '../db/postgres/connection-pool.ts'
import { refusals } from '../errors.ts'

const windowSeconds = 60

const buckets = ['default', 'strict', 'public', 'unauthorized'] as const
export type Bucket = (typeof buckets)[number]

/** Requests per window, by team or client. */
export interface RateLimits {
  /**
   * Counts a request and puts the bucket's headers on the reply.
   *
   * @param subject a team's id or a client's address
   * @throws 429 when the window is used up
   */
  take(bucket: Bucket, subject: string, reply: FastifyReply): Promise<void>
  /** Whether the next request would be refused; counts nothing. */
  isUsedUp(bucket: Bucket, subject: string): Promise<boolean>
}

/**
 * @param limits requests per 60 s; 0 turns the bucket off
 * @param pool counts across processes; absent: in this one's memory
 */
export async function createRateLimits(
  limits: Record<Bucket, number>,
  pool: ConnectionPool | undefined,
): Promise<RateLimits> {
  const limiters = new Map<Bucket, RateLimiterAbstract>()
  for (const bucket of buckets) {
    if (limits[bucket] > 0) limiters.set(bucket, createLimiter(bucket, limits[bucket], pool))
  }
  return {
    async take(bucket, subject, reply) {
      const limiter = limiters.get(bucket)
      if (!limiter) return
      const state = await limiter.consume(subject).catch((refusal: unknown) => {
        if (refusal instanceof RateLimiterRes) return refusal
        throw refusal
      })
      const limit = limits[bucket]
      const resetMs = Math.max(0, state.msBeforeNext)
      reply.headers({
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, state.remainingPoints)),
        'x-ratelimit-reset': String(Math.ceil((Date.now() + resetMs) / 1_000)),
      })
      if (state.consumedPoints > limit) throw refusals.rateLimited(Math.max(1, Math.ceil(resetMs / 1_000)))
    },
    async isUsedUp(bucket, subject) {
      const state = await limiters.get(bucket)?.get(subject)
      return (state?.consumedPoints ?? 0) >= limits[bucket] && limits[bucket] > 0
    },
  }
}

function createLimiter(
  bucket: Bucket,
  points: number,
  pool: ConnectionPool | undefined,
): RateLimiterAbstract {
  const options = { keyPrefix: bucket, points, duration: windowSeconds }
  // What nobody has a key for costs no statement: those are counted in each process.
  if (!pool || bucket === 'unauthorized') return new RateLimiterMemory(options)
  // The table is a migration's; expired rows are cleared by the library every few minutes.
  return new RateLimiterPostgres({
    ...options,
    storeClient: pool,
    storeType: 'pool',
    tableName: 'rate_limits',
    tableCreated: true,
  })
}
