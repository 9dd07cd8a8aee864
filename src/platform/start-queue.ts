import { isDeepStrictEqual } from 'node:util'
import { PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { OpenDatabase } from './db/db.ts'
import {
  createQueue,
  deadLetter,
  maxRetryDelaySeconds,
  type Queue,
  type QueueDefinition,
  schema,
} from './queue.ts'

/** How often a process releases expired claims and does similar maintenance. */
const upkeepSeconds = 60
/**
 * Workers look for jobs when NOTIFY announces new ones, and when a job that this process delayed becomes due. One
 * worker of each queue also polls this often, for jobs that other processes delayed. Without LISTEN it polls sooner.
 */
const lookSeconds = { announced: 60, unannounced: 5 }
const oneYearSeconds = 31_536_000
/** The claim of a crashed process counts as a retry, so the limit must never be reached. */
const retryLimit = 1_000_000

/**
 * Starts pg-boss on the open database and creates the queues.
 *
 * @param supervise whether this process also runs the upkeep (expired claims, schedules)
 * @param every how often the upkeep runs, and how often a worker of each queue polls for jobs
 */
export async function startQueue(
  database: OpenDatabase,
  definitions: readonly QueueDefinition[],
  log: Logger,
  supervise: boolean,
  every: { upkeepSeconds: number; lookSeconds: number } = {
    upkeepSeconds,
    lookSeconds: database.hasSessions ? lookSeconds.announced : lookSeconds.unannounced,
  },
): Promise<Queue> {
  if (!database.hasSessions) {
    const consequence = 'no LISTEN: jobs are looked for from time to time'
    log.warn({ consequence }, 'database.pooled_by_transaction')
  }
  const boss = new PgBoss({
    db: database.queueDb,
    backend: database.backend,
    schema,
    supervise,
    schedule: supervise,
    superviseIntervalSeconds: every.upkeepSeconds,
    monitorIntervalSeconds: every.upkeepSeconds,
    // Cron schedules have minute precision: each is checked within the minute after its time.
    cronMonitorIntervalSeconds: 45,
    cronWorkerIntervalSeconds: 45,
    // Queue settings do not change while a process runs.
    queueCacheIntervalSeconds: 600,
    bamIntervalSeconds: 600,
    flowIntervalSeconds: 600,
    useListenNotify: database.hasSessions,
    reindex: database.backend === 'postgres',
    monitorVacuum: database.backend === 'postgres',
    registerInstance: false,
    // /metrics shows the depth of each queue instead.
    warningQueueSize: 1_000_000,
  })
  boss.on('error', (error) => log.error({ err: error }, 'queue.error'))
  boss.on('warning', (warning) => log.warn({ warning: warning.message, data: warning.data }, 'queue.warning'))
  await boss.start()
  await makeQueues(boss, [...definitions, { name: deadLetter, expireInSeconds: 60 }])
  const queue = createQueue(boss, database.db, log, every.lookSeconds)
  // Only one process uses the embedded database, so existing claims belong to a process that died.
  if (database.backend === 'pglite') for (const each of definitions) await queue.takeOver(each, 0)
  return queue
}

/** Skips queues that exist with the right options, so that they do not slow down a start. */
async function makeQueues(
  boss: PgBoss,
  definitions: readonly Omit<QueueDefinition, 'schema'>[],
): Promise<void> {
  const found = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]))
  for (const { name, expireInSeconds } of definitions) {
    const options = {
      expireInSeconds,
      retryLimit,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: maxRetryDelaySeconds,
      retentionSeconds: oneYearSeconds,
      deleteAfterSeconds: 3_600,
      notify: true,
    }
    const queue = found.get(name)
    if (!queue) await boss.createQueue(name, options)
    else if (!isDeepStrictEqual({ ...queue, ...options }, { ...queue })) await boss.updateQueue(name, options)
  }
}
