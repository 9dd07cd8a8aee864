import type { Logger } from 'pino'
import type { OpenDatabase } from '../db/db.ts'
import { statementContext } from '../db/statement-context.ts'
import { withDeadline } from '../deadline.ts'
import type { Metrics } from '../metrics.ts'
import { healthDocs } from './health-schema.ts'
import type { Server } from './server.ts'

/** What probes ask. */
export interface ProbedParts extends Pick<OpenDatabase, 'readState' | 'silentMs'> {
  draining: AbortSignal
}

/** What metrics tell of. */
export interface MeasuredParts {
  metrics: Metrics
  log: Logger
}

/** How long probes wait. */
export interface ProbeLimits {
  /** For as long may the embedded database be busy with one statement before a restart is asked for. */
  wedgedAfterMs: number
  /** For as long may the database take to answer a probe. */
  answerWithinMs: number
  /** What is read from the database for `/metrics` is shown for as long: several scrapers ask it once. */
  readEveryMs: number
}

const usualLimits: ProbeLimits = { wedgedAfterMs: 60_000, answerWithinMs: 5_000, readEveryMs: 200 }

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
  { answerWithinMs, readEveryMs }: Pick<ProbeLimits, 'answerWithinMs' | 'readEveryMs'> = usualLimits,
): void {
  const readDatabase = async () => {
    const { readers, databaseUp } = deps.metrics
    try {
      const read = statementContext.run({ timeoutMs: answerWithinMs }, () =>
        Promise.all(readers.map((reader) => reader())),
      )
      await withDeadline(read, answerWithinMs)
      databaseUp.set(1)
    } catch (error) {
      // The other metrics are wanted most while the database is away.
      databaseUp.set(0)
      deps.log.warn({ err: error }, 'database.unreachable')
    }
  }
  let readAtMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  const readOnce = async () => {
    if (performance.now() - readAtMs < readEveryMs) return
    reading ??= readDatabase().finally(() => {
      reading = undefined
      readAtMs = performance.now()
    })
    await reading
  }
  server.get('/metrics', { schema: healthDocs.metrics }, async (_, reply) => {
    const { registry, samplers } = deps.metrics
    await readOnce()
    for (const sample of samplers) sample()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
