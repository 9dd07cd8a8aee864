import { once } from 'node:events'
import { connect } from 'node:net'
import type { Logger } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDataFolder, openDatabase, type TestStorage } from '../../../test/support/backends.ts'
import { readConfig } from '../../config/config.ts'
import { measureDatabase } from '../../monitoring/measure-database.ts'
import { queues } from '../../queues.ts'
import { systemClock } from '../clock.ts'
import type { OpenDatabase } from '../db/db.ts'
import { createLogger } from '../log.ts'
import { createMetrics } from '../metrics.ts'
import type { Queue } from '../queue.ts'
import { startQueue } from '../start-queue.ts'
import { fitToOpenFiles } from './connection-limit.ts'
import { registerHealthRoutes, registerMetricsRoute } from './health-routes.ts'
import { createHttpServer, type Server } from './server.ts'

const limits = { wedgedAfterMs: 60_000, answerWithinMs: 100, readEveryMs: 200 }

let storage: TestStorage
let database: OpenDatabase
let queue: Queue
let server: Server
/** Another process, which has not been asked yet. */
let scraped: Server
let reads = 0
/** For how much longer than it really is the database is busy with a statement. */
let aheadMs = 0

beforeAll(async () => {
  storage = makeDataFolder()
  database = await openDatabase(storage)
  const log = createLogger('silent')
  queue = await startQueue(database, queues, log, false)
  const draining = new AbortController().signal
  server = await createHttpServer({ config: readConfig({}), log, draining })
  const metrics = createMetrics()
  measureDatabase({ ...database, queue, metrics, clock: systemClock }, [])
  metrics.readers.push(async () => {
    reads += 1
  })
  const silentMs = () => database.silentMs() + aheadMs
  const deps = { ...database, silentMs, log, metrics, draining }
  registerHealthRoutes(server, deps, limits)
  registerMetricsRoute(server, deps, limits)
  scraped = await createHttpServer({ config: readConfig({}), log, draining })
  registerMetricsRoute(scraped, deps, { ...limits, readEveryMs: 60_000 })
})

afterAll(async () => {
  await server.close()
  await scraped.close()
  await queue.stop(1_000)
  await database.close()
  await storage.drop()
})

const ask = async (path: string, of = server) => {
  const { statusCode, body } = await of.inject(path)
  return { status: statusCode, body }
}

test('probes answer while the embedded database does not, and say so', async () => {
  const release = Promise.withResolvers<void>()
  const held = database.db.transaction().execute(() => release.promise)
  expect(await ask('/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
  expect(await ask('/readyz')).toEqual({ status: 503, body: '{"status":"database unreachable"}' })
  aheadMs = 60_000
  expect(await ask('/healthz')).toEqual({ status: 503, body: '{"status":"database does not answer"}' })
  const metrics = await ask('/metrics')
  expect(metrics.status).toBe(200)
  expect(metrics.body).toContain('krafter_push_pushes_total')
  expect(metrics.body).not.toContain('krafter_push_queue_depth{')
  expect(metrics.body).toContain('krafter_push_database_up 0')

  release.resolve()
  await held
  aheadMs = 0
  // Statements that waited run first. On a busy machine they take longer than the deadline of an answer.
  await expect.poll(() => ask('/readyz')).toEqual({ status: 200, body: '{"status":"ready"}' })
  expect(await ask('/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
})

test('a port with all the connections that it may have still answers probes', async () => {
  const log = createLogger('silent')
  const draining = new AbortController().signal
  const full = await createHttpServer({
    config: readConfig({ KRAFTER_MAX_CONNECTIONS: '10' }),
    log,
    draining,
  })
  registerHealthRoutes(full, { ...database, draining }, { ...limits, answerWithinMs: 20_000 })
  const url = await full.listen({ port: 0, host: '127.0.0.1' })
  const open = async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  const get = async (path: string) => {
    const { status, headers } = await fetch(url + path)
    return { status, connection: headers.get('connection') }
  }
  const sockets = await Promise.all(Array.from({ length: 10 }, open))
  expect(await get('/healthz')).toEqual({ status: 200, connection: 'close' })
  expect(await get('/nowhere')).toEqual({ status: 503, connection: 'close' })
  // Others that ask for nothing do not keep probes out: the one that has waited longest has to go.
  const closed: number[] = []
  for (let n = 0; n < 17; n++) sockets.push((await open()).resume().once('close', () => closed.push(n)))
  await expect.poll(() => closed).toEqual([0])
  expect(await get('/readyz')).toEqual({ status: 200, connection: 'close' })
  await expect.poll(() => closed).toEqual([0, 1])
  for (const socket of sockets) socket.destroy()
  await expect.poll(() => get('/nowhere')).toEqual({ status: 404, connection: 'keep-alive' })
  await full.close()
})

test.each([
  ['Max open files            3000                 524288               files', 900, 900],
  ['Max open files            1024                 1048576              files', 10_000, 512],
  ['Max open files            unlimited            unlimited            files', 10_000, 10_000],
  ['nothing about files', 10_000, 10_000],
])('%s: of %i connections, %i are accepted', (line, wanted, accepted) => {
  const lines: unknown[] = []
  const log = { warn: (fields: unknown) => lines.push(fields) } as unknown as Logger
  expect(fitToOpenFiles(wanted, log, () => `Limit  Soft Limit  Hard Limit  Units\n${line}\n`)).toBe(accepted)
  expect(lines).toHaveLength(accepted < wanted ? 1 : 0)
})

test('several scrapers ask the database once, and see when it answers', async () => {
  await expect.poll(async () => (await ask('/metrics')).body).toContain('krafter_push_database_up 1')
  const before = reads
  await Promise.all([ask('/metrics', scraped), ask('/metrics', scraped)])
  await ask('/metrics', scraped)
  expect(reads).toBe(before + 1)
})
