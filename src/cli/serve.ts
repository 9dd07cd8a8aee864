import type { Role } from '../app.ts'
import { readConfig } from '../config/config.ts'
import { keepHeapSmall } from '../platform/heap.ts'
import { createLogger } from '../platform/log.ts'

/** Beyond the service's own deadline for draining: then it has hung, and is ended. */
const killAfterMs = 30_000

/** Runs the service until SIGTERM or SIGINT. The address and the first key are printed for people, logs are JSON. */
export async function serve(roles: readonly Role[]): Promise<void> {
  keepHeapSmall()
  const config = readConfig(process.env)
  // Loaded after: what is wrong with the configuration is said at once.
  const { startService } = await import('../app.ts')
  const log = createLogger(config.logLevel)
  const stopped = Promise.withResolvers<void>()
  const signaled = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => signaled.resolve(signal))

  const onFirstKey = (key: string) => {
    const shown = config.bootstrapApiKey ? 'as given in KRAFTER_BOOTSTRAP_API_KEY' : key
    console.log(`API key (shown once, keep it): ${shown}`)
  }
  const service = await startService(config, { roles, log, onFirstKey })
  console.log(
    service.url ? `Krafter Push listens on ${service.url}` : `Krafter Push runs as ${roles.join(', ')}`,
  )
  log.info(
    { url: service.url, roles, database: config.databaseUrl ? 'postgres' : 'embedded' },
    'service.started',
  )

  signaled.promise.then(async (signal) => {
    log.info({ signal }, 'service.draining')
    setTimeout(() => {
      log.error({ afterMs: killAfterMs }, 'service.drain_timed_out')
      process.exit(1)
    }, killAfterMs).unref()
    await service.stop()
    log.info('service.stopped')
    stopped.resolve()
  })
  await stopped.promise
  // Whatever still holds the event loop (a socket that lingers) has nothing left to do.
  process.exit(0)
}
