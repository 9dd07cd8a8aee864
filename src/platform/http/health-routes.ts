import type { Deps } from '../../deps.ts'
import { withDeadline } from '../deadline.ts'
import { healthDocs } from './health-schema.ts'
import type { Server } from './server.ts'

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
  deps: Pick<Deps, 'readState' | 'silentMs' | 'draining'>,
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
  deps: Pick<Deps, 'queue' | 'metrics' | 'log'>,
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

async function readQueueDepths({ queue, metrics }: Pick<Deps, 'queue' | 'metrics'>): Promise<void> {
  metrics.queueDepth.reset()
  for (const { queue: name, count } of await queue.depths()) metrics.queueDepth.set({ queue: name }, count)
}
