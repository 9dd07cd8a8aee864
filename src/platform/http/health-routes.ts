import { sql } from 'kysely'
import type { Deps } from '../../deps.ts'
import { healthDocs } from './health-schema.ts'
import type { Server } from './server.ts'

/** For orchestrators and scrapers: no key, no rate limit, no secret. */
export function registerHealthRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'queue' | 'metrics' | 'log'>,
): void {
  let draining = false
  server.addHook('preClose', async () => {
    draining = true
  })
  server.get('/healthz', { schema: healthDocs.alive }, async () => ({ status: 'ok' }))
  server.get('/readyz', { schema: healthDocs.ready }, async (_, reply) => {
    if (draining) return reply.code(503).send({ status: 'draining' })
    try {
      await sql`select 1`.execute(deps.db)
      return { status: 'ready' }
    } catch (error) {
      deps.log.warn({ err: error }, 'database.unreachable')
      return reply.code(503).send({ status: 'database unreachable' })
    }
  })
  server.get('/metrics', { schema: healthDocs.metrics }, async (_, reply) => {
    const { registry, queueDepth } = deps.metrics
    queueDepth.reset()
    for (const { queue, count } of await deps.queue.depths()) queueDepth.set({ queue }, count)
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
