import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { createWebPushChannel } from './channels/web-push/web-push-channel.ts'
import { type Config, ConfigError } from './config/config.ts'
import type { Deps } from './deps.ts'
import type { StreamSettings } from './events/stream-routes.ts'
import { startJobs } from './jobs.ts'
import { checkEncryptionKey, ensureFirstKey } from './keys/key-store.ts'
import { createAddressGuard } from './outbound/address-guard.ts'
import { createOutbound } from './outbound/outbound-client.ts'
import { queues } from './pipeline.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { createCryptoAtRest } from './platform/crypto-at-rest.ts'
import { migrate } from './platform/db.ts'
import { createHttpServer, type Server } from './platform/http/server.ts'
import { createLogger } from './platform/log.ts'
import { createMetrics } from './platform/metrics.ts'
import { startQueue } from './platform/queue.ts'
import { prepareEventLog } from './retention/event-log.ts'
import { registerRoutes } from './routes.ts'
import { openStorage } from './storage.ts'
import { version } from './version.ts'
import { maxInFlightPerHost, startDeliveryPump } from './webhooks/delivery-pump.ts'

/** What a process does: answer the API, or send pushes and deliver webhooks. */
export type Role = 'api' | 'worker'

export interface ServiceOptions {
  roles?: readonly Role[]
  log?: Logger
  clock?: Clock
  /** A certificate authority to trust besides Node's own, PEM. */
  ca?: string
  /** What differs from how streams of events are served otherwise. */
  streams?: Partial<StreamSettings>
}

/** A running service. */
export interface Service {
  deps: Deps
  /** Where it listens; undefined without the `api` role. */
  url: string | undefined
  /** The first API key, on the very first start only. */
  firstKey: string | undefined
  /** Stops taking requests and jobs, finishes what is in flight within a deadline, closes everything. */
  stop(): Promise<void>
}

/** How long handlers may go on once the service is told to stop. */
const drainTimeoutMs = 20_000

/**
 * Opens the database, brings it up to date and starts the parts that the roles ask for.
 *
 * @throws ConfigError in one sentence when something that the operator configures is wrong
 */
export async function startService(config: Config, options: ServiceOptions = {}): Promise<Service> {
  const { roles = ['api', 'worker'], log = createLogger(config.logLevel), clock = systemClock } = options
  const closers: (() => Promise<unknown>)[] = []
  /** What has work in flight: all of it stops taking more at once, and ends before what it works with is closed. */
  const drainers: (() => Promise<unknown>)[] = []
  const closeOne = (close: () => Promise<unknown>) =>
    close().catch((error: unknown) => log.error({ err: error }, 'service.close_failed'))
  const closeAll = async () => {
    for (const close of closers.reverse()) await closeOne(close)
  }
  try {
    const storage = await openStorage(config, log)
    closers.push(() => storage.close())
    await migrate(storage.db)
    await prepareEventLog(storage.db, config.retentionDays, clock.now())
    const crypto = createCryptoAtRest(storage.encryptionKeys)
    await checkEncryptionKey(storage.db, crypto, clock)
    const worker = roles.includes('worker')
    const guard = createAddressGuard(config.allowNetworks)
    const limits = { http1ConnectionsPerOrigin: maxInFlightPerHost }
    const outbound = createOutbound({ guard, ca: options.ca, limits })
    const pushOutbound = createOutbound({ guard, ca: options.ca })
    const web = createWebPushChannel({ outbound: pushOutbound, clock, vapidSubject: config.vapidSubject })
    closers.push(() => Promise.all([outbound.close(), web.close(), pushOutbound.close()]))

    const queue = await startQueue(storage, config.databaseUrl, queues, log, worker)
    drainers.push(() => queue.stop(drainTimeoutMs))
    closers.push(() => Promise.all(drainers.map(closeOne)))

    const { db, backend } = storage
    const metrics = createMetrics()
    const channels = { web }
    const deps: Deps = {
      config,
      db,
      backend,
      queue,
      clock,
      log,
      crypto,
      guard,
      outbound,
      channels,
      metrics,
      version,
    }
    const firstKey = await ensureFirstKey(db, clock, config.bootstrapApiKey)
    if (worker) {
      await startJobs(deps)
      const pump = startDeliveryPump(deps)
      drainers.push(() => pump.stop(drainTimeoutMs))
    }
    let url: string | undefined
    if (roles.includes('api')) {
      const server = await createHttpServer(deps)
      await registerRoutes(server, deps, storage.pool, options.streams)
      closers.push(() => server.close())
      url = await listen(server, config)
    }
    return { deps, url, firstKey, stop: closeAll }
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function listen(server: Server, config: Config): Promise<string> {
  try {
    await server.listen({ port: config.port, host: config.host })
  } catch (cause) {
    throw new ConfigError(listenError(config, cause as NodeJS.ErrnoException), { cause })
  }
  const { port } = server.server.address() as AddressInfo
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return `http://${host}:${port}`
}

function listenError({ host, port }: Config, cause: NodeJS.ErrnoException): string {
  if (cause.code === 'EADDRINUSE') return `PORT ${port} is in use on ${host}: choose another with PORT`
  if (cause.code === 'EACCES') return `PORT ${port} may not be opened by this user: choose one above 1023`
  return `HOST ${host} cannot be listened on: ${cause.message}`
}
