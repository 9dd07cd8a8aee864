import { runAlert } from './deliveries/recover/alert-job.ts'
import { runProbe } from './deliveries/recover/probe-job.ts'
import type { Deps } from './deps.ts'
import { runIdempotencyUpkeep } from './idempotency/idempotency-upkeep-job.ts'
import {
  alert,
  embeddedVacuum,
  idempotencyUpkeep,
  probeWebhook,
  replayStep,
  retention,
  subscriberUpkeep,
} from './pipeline.ts'
import { vacuumBusyTables } from './platform/db/vacuum.ts'
import { runReplayStep } from './replays/replay-job.ts'
import { runRetention } from './retention/retention-job.ts'
import { runSubscriberUpkeep } from './subscribers/upkeep-job.ts'

/** Each step is short, or waits for deliveries to be made. */
const replaysAtOnce = 2

/** Each waits for a receiver that may hang until the deadline. */
const probesAtOnce = 4
/** All of them go to one receiver. */
const alertsAtOnce = 2

/** Queue → handler → how many at once. Sending and delivering have lanes instead: src/engine/. */
export async function startJobs(deps: Deps): Promise<void> {
  await deps.queue.work(probeWebhook, probesAtOnce, (job) => runProbe(deps, job))
  await deps.queue.work(alert, alertsAtOnce, (job) => runAlert(deps, job))
  await deps.queue.work(replayStep, replaysAtOnce, (job) => runReplayStep(deps, job))
  await deps.queue.schedule(subscriberUpkeep, '0 3 * * *', () => runSubscriberUpkeep(deps))
  await deps.queue.schedule(idempotencyUpkeep, '17 * * * *', () => runIdempotencyUpkeep(deps))
  await deps.queue.schedule(retention, '30 2 * * *', () => runRetention(deps))
  if (!deps.config.databaseUrl) {
    await deps.queue.schedule(embeddedVacuum, '*/5 * * * *', async () => {
      deps.log.debug({ tables: await vacuumBusyTables(deps.db) }, 'database.vacuumed')
    })
  }
}
