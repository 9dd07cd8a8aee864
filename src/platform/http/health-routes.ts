import type { Logger } from 'pino'
import type { OpenDatabase } from '../db/db.ts'
import { withDeadline } from '../deadline.ts'
import type { Metrics } from '../metrics.ts'
import type { Queue } from '../queue.ts'
import { healthDocs } from './health-schema.ts'
import type { Server } from './server.ts'

/** What probes ask. */
export interface ProbedParts extends Pick<OpenDatabase, 'readState' | 'silentMs'> {
  draining: AbortSignal
}

/** What metrics tell of. */
export interface MeasuredParts {
  queue: Queue
  metrics: Metrics
  log: Logger
}

/** How long probes wait. */
export interface ProbeLimits {
  /** For as long may the embedded database be busy with one statement before a restart is asked for. */
  wedgedAfterMs: number
  /** For as long may the database take to answer a probe. */
  answerWithinMs: number
}

const usualLimits: ProbeLimits = { wedgedAfterMs: 60_000, answerWithinMs: 5_000 }

/** For orchestrators: no key, no rate limit, no secret. */
export function registerHealthRoutes(
  server: Server,
  deps: ProbedParts,
  { wedgedAfterMs, answerWithinMs }: ProbeLimits = usualLimits,
): void {
  server.get('/healthz', { schema: healthDocs.alive }, async (_, reply) => {
    if (deps.silentMs() <= wedgedAfterMs) return { status: 'ok' }
    return reply.code(503).send({ status: 'database does not answer' })
  })
  server.get('/readyz', { schema: healthDocs.ready }, async (_, reply) => {
    if (deps.draining.aborted) return reply.code(503).send({ status: 'draining' })
    const state = await withDeadline(deps.readState(), answerWithinMs).catch(() => 'unreachable')
    if (state === 'ready') return { status: 'ready' }
    return reply.code(503).send({ status: `database ${state}` })
  })
}

/** For scrapers: no key, no rate limit. How much is sent is the operator's own business. */
export function registerMetricsRoute(
  server: Server,
  deps: MeasuredParts,
  { answerWithinMs }: Pick<ProbeLimits, 'answerWithinMs'> = usualLimits,
): void {
  server.get('/metrics', { schema: healthDocs.metrics }, async (_, reply) => {
    const { registry, readers } = deps.metrics
    try {
      const read = [readQueueDepths(deps), ...readers.map((reader) => reader())]
      await withDeadline(Promise.all(read), answerWithinMs)
    } catch (error) {
      // The other metrics are wanted most while the database is away.
      deps.log.warn({ err: error }, 'database.unreachable')
    }
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

async function readQueueDepths({ queue, metrics }: Pick<MeasuredParts, 'queue' | 'metrics'>): Promise<void> {
  metrics.queueDepth.reset()
  for (const { queue: name, count } of await queue.depths()) metrics.queueDepth.set({ queue: name }, count)
}
