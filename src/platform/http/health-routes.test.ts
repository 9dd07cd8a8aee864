import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, openDatabase, type TestStorage } from '../../../test/support/backends.ts'
import { readConfig } from '../../config/config.ts'
import { queues } from '../../pipeline.ts'
import type { OpenDatabase } from '../db/db.ts'
import { createLogger } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import { type Queue, startQueue } from '../queue.ts'
import { registerHealthRoutes, registerMetricsRoute } from './health-routes.ts'
import { createHttpServer, type Server } from './server.ts'

let storage: TestStorage
let database: OpenDatabase
let queue: Queue
let server: Server

beforeAll(async () => {
  storage = makeDataFolder()
  database = await openDatabase(storage)
  const log = createLogger('silent')
  queue = await startQueue(database, queues, log, false)
  const draining = new AbortController().signal
  server = await createHttpServer({ config: readConfig({}), log, draining })
  const deps = { ...database, queue, log, metrics: createMetrics(), draining }
  const limits = { wedgedAfterMs: 50, answerWithinMs: 100 }
  registerHealthRoutes(server, deps, limits)
  registerMetricsRoute(server, deps, limits)
})

afterAll(async () => {
  await server.close()
  await queue.stop(1_000)
  await database.close()
  await storage.drop()
})

const ask = async (path: string) => {
  const { statusCode, body } = await server.inject(path)
  return { status: statusCode, body }
}

test('probes answer while the embedded database does not, and say so', async () => {
  const release = Promise.withResolvers<void>()
  const held = database.db.transaction().execute(() => release.promise)
  expect(await ask('/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
  expect(await ask('/readyz')).toEqual({ status: 503, body: '{"status":"database unreachable"}' })
  expect(await ask('/healthz')).toEqual({ status: 503, body: '{"status":"database does not answer"}' })
  const metrics = await ask('/metrics')
  expect(metrics.status).toBe(200)
  expect(metrics.body).toContain('krafter_push_pushes_total')
  expect(metrics.body).not.toContain('krafter_push_queue_depth{')

  release.resolve()
  await held
  expect(await ask('/readyz')).toEqual({ status: 200, body: '{"status":"ready"}' })
  expect(await ask('/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
})
