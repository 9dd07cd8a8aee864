import type { Logger } from 'pino'
import type { OpenDatabase } from '../db/db.ts'
import { statementContext } from '../db/statement-context.ts'
import { withDeadline } from '../deadline.ts'
import type { Metrics } from '../metrics.ts'
import { sharedRun } from '../shared-run.ts'
import { healthDocs } from './health-schema.ts'
import type { Server } from './server.ts'

/** Time limits of probes and metrics. */
const usualLimits = {
  /** How long the embedded database may be busy with one statement before `/healthz` asks for a restart. */
  wedgedAfterMs: 60_000,
  /** How long the database may take to answer a probe. */
  answerWithinMs: 5_000,
  /** How long `/metrics` reuses values read from the database, so that several scrapers cause one read. */
  readEveryMs: 200,
}

const config = { isProbe: true }

/** For orchestrators: needs no key, has no rate limit, and reveals no secret. */
export function registerHealthRoutes(
  server: Server,
  deps: Pick<OpenDatabase, 'readState' | 'silentMs'> & { draining: AbortSignal },
  { wedgedAfterMs, answerWithinMs } = usualLimits,
): void {
  server.get('/healthz', { config, schema: healthDocs.alive }, async (_, reply) => {
    if (deps.silentMs() <= wedgedAfterMs) return { status: 'ok' }
    return reply.code(503).send({ status: 'database does not answer' })
  })
  server.get('/readyz', { config, schema: healthDocs.ready }, async (_, reply) => {
    if (deps.draining.aborted) return reply.code(503).send({ status: 'draining' })
    const state = await withDeadline(deps.readState(), answerWithinMs).catch(() => 'unreachable')
    if (state === 'ready') return { status: 'ready' }
    return reply.code(503).send({ status: `database ${state}` })
  })
}

/** For scrapers: needs no key and has no rate limit. Send volumes in the metrics only concern the operator. */
export function registerMetricsRoute(
  server: Server,
  deps: { metrics: Metrics; log: Logger },
  { answerWithinMs, readEveryMs }: Omit<typeof usualLimits, 'wedgedAfterMs'> = usualLimits,
): void {
  let readAtMs = Number.NEGATIVE_INFINITY
  const readDatabase = sharedRun(async () => {
    const { readers, databaseUp } = deps.metrics
    try {
      const read = statementContext.run({ timeoutMs: answerWithinMs }, () =>
        Promise.all(readers.map((reader) => reader())),
      )
      await withDeadline(read, answerWithinMs)
      databaseUp.set(1)
    } catch (error) {
      // The other metrics matter most during a database outage.
      databaseUp.set(0)
      deps.log.warn({ err: error }, 'database.unreachable')
    }
    readAtMs = performance.now()
  })
  server.get('/metrics', { config, schema: healthDocs.metrics }, async (_, reply) => {
    const { registry, samplers } = deps.metrics
    if (performance.now() - readAtMs >= readEveryMs) await readDatabase()
    for (const sample of samplers) sample()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
