import type { Config } from './config/config.ts'
import { runAlert } from './deliveries/recover/alert-job.ts'
import { runProbe } from './deliveries/recover/probe-job.ts'
import type { Deps } from './deps.ts'
import { deleteOldIdempotencyKeys } from './idempotency/idempotency-store.ts'
import { recordUpkeep } from './monitoring/upkeep-store.ts'
import { vacuumBusyTables } from './platform/db/vacuum.ts'
import type { QueueDefinition } from './platform/queue.ts'
import {
  alert,
  embeddedVacuum,
  idempotencyUpkeep,
  probeWebhook,
  replayStep,
  retention,
  subscriberUpkeep,
} from './queues.ts'
import { runReplayStep } from './replays/replay-job.ts'
import { runRetention } from './retention/retention-job.ts'
import { runSubscriberUpkeep } from './subscribers/upkeep-job.ts'

/** Each replay step is short, or waits for pending deliveries. */
const replaysAtOnce = 2

/** Each probe waits for a receiver, which may hang until the deadline. */
const probesAtOnce = 4
/** All alerts go to one receiver. */
const alertsAtOnce = 2

/** Starts a handler with its concurrency for each queue. Sending and delivering use lanes instead: src/engine/. */
export async function startJobs(deps: Deps): Promise<void> {
  await deps.queue.work(probeWebhook, probesAtOnce, (job) => runProbe(deps, job))
  await deps.queue.work(alert, alertsAtOnce, (job) => runAlert(deps, job))
  await deps.queue.work(replayStep, replaysAtOnce, (job) => runReplayStep(deps, job))
  // Embedded, the start of the queue has done this.
  if (deps.backend === 'postgres') deps.lanes.onGained(() => takeOverJobs(deps))
  for (const { queue, cron, run } of upkeepJobs(deps.config)) {
    await deps.queue.schedule(queue, cron, async () => {
      await run(deps)
      await recordUpkeep(deps.db, queue.name, deps.clock.now())
    })
  }
}

/**
 * Most jobs take less time, and a lease is longer. A live process whose job takes longer, such as a probe of a receiver that
 * hangs, cannot settle it, so the job is repeated.
 */
const heldForSeconds = 5

/**
 * A process gains lanes when it starts, and when another has died: the other's jobs continue now, and not when their claims
 * expire.
 */
function takeOverJobs({ queue, log }: Pick<Deps, 'queue' | 'log'>): void {
  for (const jobs of [probeWebhook, alert, replayStep]) {
    queue.takeOver(jobs, heldForSeconds).catch((err: unknown) => {
      log.warn({ err, queue: jobs.name }, 'queue.takeover_failed')
    })
  }
}

interface UpkeepJob {
  queue: QueueDefinition
  /** When the job runs, in UTC. */
  cron: string
  run(deps: Deps): Promise<void>
}

/** The scheduled jobs of an install. */
export function upkeepJobs({ databaseUrl }: Pick<Config, 'databaseUrl'>): readonly UpkeepJob[] {
  return databaseUrl ? commonUpkeep : [...commonUpkeep, vacuum]
}

const commonUpkeep: readonly UpkeepJob[] = [
  { queue: subscriberUpkeep, cron: '0 3 * * *', run: runSubscriberUpkeep },
  {
    queue: idempotencyUpkeep,
    cron: '17 * * * *',
    async run({ db, clock, log }) {
      log.debug({ deleted: await deleteOldIdempotencyKeys(db, clock.now()) }, 'idempotency.upkeep')
    },
  },
  { queue: retention, cron: '30 2 * * *', run: runRetention },
]

const vacuum: UpkeepJob = {
  queue: embeddedVacuum,
  cron: '*/5 * * * *',
  async run({ db, log }) {
    log.debug({ tables: await vacuumBusyTables(db) }, 'database.vacuumed')
  },
}
