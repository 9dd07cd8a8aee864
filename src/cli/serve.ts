import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Role } from '../app.ts'
import type { Config } from '../config/config.ts'
import { databasePathIn } from '../platform/db/data-folder.ts'
import { saveMemory, startFrugally } from '../platform/heap.ts'
import { readSettings, type SettingOptions } from './read-settings.ts'
import { createTerminalLogger } from './terminal-log.ts'

/** Longer than the service's own drain deadline. A service still draining after it has hung, and the process exits. */
const killAfterMs = 30_000
/** Load balancers poll `/readyz` every few seconds. At a terminal the delay is 0, so that Ctrl-C stops at once. */
const usualDrainDelayMs = 5_000

/** A first start takes seconds, so the message is printed before anything is loaded. */
function announceFirstStart({ databaseUrl, dataDir }: Config): void {
  if (databaseUrl || existsSync(databasePathIn(dataDir))) return
  console.log(`Preparing the database (first start only)… ${resolve(dataDir)}`)
}

/**
 * Runs the service until SIGTERM or SIGINT. The address and the first key are printed for people. Logs are readable at
 * a terminal, and JSON elsewhere.
 */
export async function serve(roles: readonly Role[], options: SettingOptions = {}): Promise<void> {
  startFrugally()
  saveMemory()
  const config = readSettings(options)
  announceFirstStart(config)
  // Loaded only now, so that configuration errors are reported at once.
  const { startService } = await import('../app.ts')
  const log = await createTerminalLogger(config.logLevel, process.stdout)
  const stopped = Promise.withResolvers<void>()
  const signaled = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => signaled.resolve(signal))

  const onFirstKey = (key: string) => {
    const shown = config.bootstrapApiKey ? 'as given in KRAFTER_BOOTSTRAP_API_KEY' : key
    console.log(`API key (shown once, keep it): ${shown}`)
  }
  const starting = startService(config, { roles, log, onFirstKey })
  const service = await Promise.race([starting, signaled.promise.then(() => undefined)])
  if (!service) {
    // Nothing is in flight yet, and an interrupted start leaves nothing half done.
    log.info('service.stopped')
    process.exit(0)
  }
  console.log(
    service.url ? `Krafter Push listens on ${service.url}` : `Krafter Push runs as ${roles.join(', ')}`,
  )
  log.info(
    { url: service.url, roles, database: config.databaseUrl ? 'postgres' : 'embedded' },
    'service.started',
  )

  signaled.promise.then(async (signal) => {
    const delayMs = config.drainDelayMs ?? (process.stdin.isTTY ? 0 : usualDrainDelayMs)
    log.info({ signal, delayMs }, 'service.draining')
    setTimeout(() => {
      log.error({ afterMs: killAfterMs }, 'service.drain_timed_out')
      process.exit(1)
    }, delayMs + killAfterMs).unref()
    await service.stop(delayMs)
    log.info('service.stopped')
    stopped.resolve()
  })
  await stopped.promise
  // The work is done: exit although lingering sockets may still hold the event loop.
  process.exit(0)
}
