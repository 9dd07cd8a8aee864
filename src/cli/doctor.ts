import { findRunningService } from '../control/control-client.ts'
import { createLogger } from '../platform/log.ts'
import { checkDatabase } from './doctor/check-database.ts'
import { checkOutboundReach, checkTls, checkVapidSubject } from './doctor/check-network.ts'
import { findings } from './doctor/finding.ts'
import { type OutputOptions, print, printTable } from './output.ts'
import { readSettings, type SettingOptions } from './read-settings.ts'

/**
 * `krafter-push doctor`: looks for problems that would keep pushes and webhooks from arriving, and changes nothing. The
 * exit code is 1 when a check failed. A warning is not a failure.
 */
export async function runDoctor(options: SettingOptions & OutputOptions): Promise<void> {
  const config = readSettings(options)
  const log = createLogger('silent')
  const running = config.databaseUrl ? undefined : await findRunningService(config.dataDir)
  const checked = await Promise.all([
    running
      ? [findings.ok('database', `a running service has ${config.dataDir} open and answers`)]
      : checkDatabase(config, log),
    checkOutboundReach(config),
    [checkVapidSubject(config)],
    checkTls(config).then((finding) => [finding]),
  ])
  const found = checked.flat()
  print(found, options, () => printTable(found.map(({ check, state, detail }) => [state, check, detail])))
  // Kept-alive connections must not keep the process running.
  process.exit(found.some(({ state }) => state === 'failed') ? 1 : 0)
}
