import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { checkEncryptionKey } from './access/install-check.ts'
import { createKeyCommands } from './access/key-commands.ts'
import { createKeyRing } from './access/key-ring.ts'
import { ensureFirstKey } from './access/key-store.ts'
import { createKnownApps } from './apps/known-apps.ts'
import { closeChannels, createChannels } from './channels/registry.ts'
import { trackingPurpose } from './channels/web-push/tracking-token.ts'
import type { Config } from './config/config.ts'
import { fallbackVapidSubject } from './config/vapid-subject.ts'
import { openControlSocket } from './control/control-socket.ts'
import { startDeliveryLanes } from './deliveries/lane/delivery-lanes.ts'
import { leaseLanes, noLanes, ownAllLanes } from './engine/lane-ownership.ts'
import type { StreamSettings } from './events/stream/stream-routes.ts'
import { startJobs, upkeepJobs } from './jobs.ts'
import { showKnownLabels } from './monitoring/known-labels.ts'
import { measureDatabase } from './monitoring/measure-database.ts'
import { measureLanes, measureProcess } from './monitoring/measure-process.ts'
import { type AddressGuard, createAddressGuard } from './outbound/address-guard.ts'
import { createOutbound } from './outbound/outbound-client.ts'
import { createResolver } from './outbound/resolver.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import { ConfigError } from './platform/config-error.ts'
import { createCryptoAtRest } from './platform/crypto-at-rest.ts'
import { migrate } from './platform/db/migrate.ts'
import { createNotices } from './platform/db/notices.ts'
import type { ConnectionLimits } from './platform/db/postgres/connection-limits.ts'
import { fitToOpenFiles } from './platform/http/connection-limit.ts'
import { registerHealthRoutes, registerMetricsRoute } from './platform/http/health-routes.ts'
import { holdPort } from './platform/http/port.ts'
import { measureRequests } from './platform/http/request-durations.ts'
import { createHttpServer } from './platform/http/server.ts'
import { createLogger } from './platform/log.ts'
import { createMetrics } from './platform/metrics.ts'
import { startQueue } from './platform/start-queue.ts'
import type { TracesConfig } from './platform/traces/traces.ts'
import { queues } from './queues.ts'
import { prepareEventLog } from './retention/event-log.ts'
import { createPartitionsWhenMissing } from './retention/missing-partition.ts'
import { type RouteDeps, registerRoutes } from './routes.ts'
import { startSendingLanes } from './sending/sending-lanes.ts'
import { openStorage } from './storage.ts'
import { version } from './version.ts'

/** `api` answers requests; `worker` sends pushes and delivers webhooks. */
export type Role = 'api' | 'worker'

export interface ServiceOptions {
  roles?: readonly Role[]
  log?: Logger
  clock?: Clock
  /** Instead of Math.random. */
  random?: () => number
  /** A certificate authority to trust besides Node's own, PEM. */
  ca?: string
  /** Overrides of the default settings for event streams. */
  streams?: Partial<StreamSettings>
  /** Called with the first API key as soon as it is created, so that it is shown even if the start fails later. */
  onFirstKey?(key: string): void
  /** Overrides of the default limits on PostgreSQL connections. */
  connections?: Partial<ConnectionLimits>
}

/** How long handlers may continue after the service is told to stop. */
const drainTimeoutMs = 20_000
/** Connections for webhooks; each takes 100 KB. They carry as many requests as two HTTP/2 connections. */
const http1ConnectionsPerOrigin = 256

/**
 * Opens the database, migrates it and starts the parts that the roles need.
 *
 * @throws ConfigError with a one-sentence message when the operator's configuration is wrong
 */
export async function startService(config: Config, options: ServiceOptions = {}) {
  const { roles = ['api', 'worker'], log = createLogger(config.logLevel), clock = systemClock } = options
  const closers: (() => Promise<unknown>)[] = []
  /** Parts with work in flight. They stop taking work together, and end before the parts that they use are closed. */
  const drainers: (() => Promise<unknown>)[] = []
  const closeOne = (close: () => Promise<unknown>) =>
    close().catch((error: unknown) => log.error({ err: error }, 'service.close_failed'))
  const closeAll = async () => {
    for (const close of closers.reverse()) await closeOne(close)
  }
  const draining = new AbortController()
  /**
   * Stops taking requests and jobs, finishes the work in flight within a deadline, then closes everything.
   *
   * @param drainDelayMs how long `/readyz` reports `draining` first, while all work continues; ignored without the
   *   `api` role, because nobody asks then
   */
  const stop = async (drainDelayMs = 0) => {
    draining.abort()
    if (api && drainDelayMs > 0) await setTimeout(drainDelayMs)
    await closeAll()
  }
  const api = roles.includes('api')
  const worker = roles.includes('worker')
  try {
    const resolve = createResolver({ servers: config.dnsServers })
    const guard = createAddressGuard(config.allowNetworks, resolve)
    checkAlertUrl(config, guard)
    const { host, port, metricsPort } = config
    const apiPort = api ? await holdPort('PORT', host, port) : undefined
    closers.push(async () => apiPort?.release())
    const ownMetricsPort =
      metricsPort === undefined ? undefined : await holdPort('KRAFTER_METRICS_PORT', host, metricsPort)
    closers.push(async () => ownMetricsPort?.release())
    const storage = await openStorage(config, log, options.connections)
    closers.push(() => storage.close())
    const traces = config.traces && (await startTraces(config.traces, log))
    closers.push(async () => traces?.close())
    const newer = await migrate(storage.db)
    if (newer.length > 0) log.warn({ migrations: newer, version }, 'database.newer')
    await prepareEventLog(storage.db, config.retentionDays, clock.now())
    const crypto = createCryptoAtRest(storage.encryptionKeys)
    await checkEncryptionKey(storage.db, crypto, clock)
    const way = { guard, resolve, ca: options.ca, proxy: config.outboundProxy }
    const outbound = createOutbound({ ...way, limits: { http1ConnectionsPerOrigin } })
    const pushOutbound = createOutbound(way)
    const vapidSubject = config.vapidSubject ?? fallbackVapidSubject
    if (worker && vapidSubject === fallbackVapidSubject)
      log.warn(
        { advice: 'set KRAFTER_VAPID_SUBJECT: Apple refuses pushes without a contact' },
        'vapid.no_contact',
      )
    const trackingKey = crypto.deriveKeys(trackingPurpose)[0]!
    const channels = createChannels({ outbound: pushOutbound, clock, vapidSubject, trackingKey })
    closers.push(() => Promise.all([outbound.close(), closeChannels(channels), pushOutbound.close()]))

    const queue = await startQueue(storage, queues, log, worker)
    drainers.push(() => queue.stop(drainTimeoutMs))
    closers.push(() => Promise.all(drainers.map(closeOne)))

    const { db, backend, readState, silentMs } = storage
    createPartitionsWhenMissing({ db, config, clock, log })
    const metrics = createMetrics()
    showKnownLabels(metrics)
    measureProcess({ ...storage, metrics, version })
    measureDatabase(
      { db, clock, metrics, queue },
      upkeepJobs(config).map(({ queue: { name } }) => name),
    )
    if (storage.watch) closers.push(await storage.watch(metrics))
    const notices = createNotices(storage, log)
    closers.push(async () => notices.stop())
    const keys = createKeyRing({ db, clock, log, notices })
    closers.push(() => keys.stop())
    const lanes = !worker
      ? noLanes()
      : backend === 'pglite'
        ? ownAllLanes()
        : await leaseLanes({ db, log, notices })
    const deps: RouteDeps = {
      config,
      db,
      backend,
      readState,
      silentMs,
      queue,
      clock,
      random: options.random ?? Math.random,
      log,
      crypto,
      guard,
      outbound,
      channels,
      metrics,
      traces,
      draining: draining.signal,
      lanes,
      notices,
      keys,
      apps: createKnownApps({ db, notices }),
      version,
    }
    // Only the `api` role creates the first key, on the very first start: nobody looks for it in a worker's log.
    const firstKey = api ? await ensureFirstKey(db, clock, config.bootstrapApiKey) : undefined
    if (firstKey) options.onFirstKey?.(firstKey)
    if (worker) {
      await startJobs(deps)
      const deliveries = startDeliveryLanes(deps)
      const sending = startSendingLanes(deps)
      measureLanes(deps, { deliveries, sending })
      drainers.push(() => deliveries.stop(drainTimeoutMs))
      drainers.push(() => sending.stop(drainTimeoutMs))
      drainers.push(() => lanes.stop(drainTimeoutMs))
    } else {
      measureLanes(deps, undefined)
    }
    const serverParts = {
      ...deps,
      config: { ...config, maxConnections: fitToOpenFiles(config.maxConnections, log) },
    }
    /** The URL that the service listens on; undefined without the `api` role. */
    let url: string | undefined
    if (apiPort) {
      const server = await createHttpServer(serverParts)
      measureRequests(server, metrics)
      await registerRoutes(server, deps, options.streams)
      closers.push(() => server.close())
      url = await apiPort.listen(server)
    }
    /** The URL of `/metrics`, if it has its own port. */
    let metricsUrl: string | undefined
    if (ownMetricsPort) {
      const server = await createHttpServer(serverParts)
      registerHealthRoutes(server, deps)
      registerMetricsRoute(server, deps)
      closers.push(() => server.close())
      metricsUrl = await ownMetricsPort.listen(server)
    }
    if (backend === 'pglite') {
      closers.push(await openControlSocket(config.dataDir, createKeyCommands(deps, keys.forget), log))
    }
    return { deps, url, metricsUrl, firstKey, stop }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** A running service. */
export type Service = Awaited<ReturnType<typeof startService>>

/** Loads the tracing libraries only when traces are configured. */
async function startTraces(traces: TracesConfig, log: Logger) {
  const { openTraces } = await import('./platform/traces/open-traces.ts')
  return openTraces(traces, { log, version })
}

/** Checks the alert URL at the start, not when the first alert is lost. Each connection checks its host name again. */
function checkAlertUrl({ alertWebhookUrl }: Config, guard: AddressGuard): void {
  const verdict = alertWebhookUrl === undefined ? undefined : guard.checkUrl(alertWebhookUrl)
  if (verdict?.ok !== false) return
  throw new ConfigError(
    `KRAFTER_ALERT_WEBHOOK_URL ${verdict.message}; KRAFTER_ALLOW_NETWORKS opens a network that is not public`,
  )
}
