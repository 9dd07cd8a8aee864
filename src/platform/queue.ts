import { sql } from 'kysely'
import { type ConnectionOptions, fromKysely, PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { z } from 'zod'
import { type Db, type OpenDatabase, pipelined, type Trx } from './db/db.ts'

/** A queue and the form of its messages. */
export interface QueueDefinition {
  name: string
  schema: z.ZodType
  /** How long a process may hold a job before another takes it up. Beyond every deadline inside the job. */
  expireInSeconds: number
  /** For a queue without workers: {@link Queue.onEnqueued} tells of its new jobs. */
  announced?: boolean
}

/** A job as this process claimed it; `retryCount` tells its claim from a later one of the same job. */
export interface ClaimedJob<Message> {
  id: string
  retryCount: number
  group: string | null
  message: Message
}

export interface JobOptions {
  /** A UUID; a second job with the same one is dropped while the first is there. */
  id?: string
  delaySeconds?: number
  /** What jobs are passed over together by {@link Queue.claim}. */
  group?: string
}

/** Jobs in the database, claimed and settled through pg-boss. */
export interface Queue {
  /** Inserts jobs in the caller's transaction: the change and what follows from it commit together. */
  enqueue<Q extends QueueDefinition>(
    trx: Trx,
    queue: Q,
    jobs: readonly ({ message: z.infer<Q['schema']> } & JobOptions)[],
  ): Promise<void>
  /** Claims up to `limit` due jobs, oldest first, none of `ignoreGroups`. */
  claim<Q extends QueueDefinition>(
    queue: Q,
    limit: number,
    ignoreGroups: readonly string[],
  ): Promise<ClaimedJob<z.infer<Q['schema']>>[]>
  /**
   * Calls back when an announced queue has new jobs that are due, in whichever process they were enqueued. It is a hint
   * that can be lost: nothing tells of jobs whose time comes later.
   */
  onEnqueued(queue: QueueDefinition, callback: () => void): void
  /**
   * Removes claimed jobs in the caller's transaction.
   * @returns the ids of those that were still ours; the others' claims have lapsed and must not be accounted
   */
  settle(
    trx: Trx,
    queue: QueueDefinition,
    jobs: readonly { id: string; retryCount: number }[],
  ): Promise<Set<string>>
  /**
   * Runs `handler` for each job, up to `concurrency` at once. The handler settles its job itself. One that throws
   * is logged and taken up again with a growing delay: no job is ever given up.
   */
  work<Q extends QueueDefinition>(
    queue: Q,
    concurrency: number,
    handler: (job: ClaimedJob<z.infer<Q['schema']>>) => Promise<void>,
  ): Promise<void>
  /** Runs `handler` at the times of a cron expression (UTC), once across all processes. */
  schedule(queue: QueueDefinition, cron: string, handler: () => Promise<void>): Promise<void>
  /** Jobs not yet settled, by queue. */
  depths(): Promise<{ queue: string; count: number }[]>
  /** Lets handlers finish, up to `timeoutMs`, and takes no more jobs. */
  stop(timeoutMs: number): Promise<void>
}

const schema = 'pgboss'
const superviseIntervalSeconds = 10
const oneYearSeconds = 31_536_000
/** A crashed process's claim counts as a retry; none may ever be the last. */
const retryLimit = 1_000_000

/**
 * Starts pg-boss on the open database and makes the queues.
 *
 * @param supervise whether this process also runs the upkeep (expired claims, schedules) and hears of new jobs
 */
export async function startQueue(
  database: OpenDatabase,
  definitions: readonly QueueDefinition[],
  log: Logger,
  supervise: boolean,
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
    superviseIntervalSeconds,
    monitorIntervalSeconds: superviseIntervalSeconds,
    cronMonitorIntervalSeconds: 30,
    useListenNotify: database.hasSessions,
    reindex: database.backend === 'postgres',
    monitorVacuum: database.backend === 'postgres',
    registerInstance: false,
    // A fan-out makes a backlog by design; /metrics shows how deep it is.
    warningQueueSize: 1_000_000,
  })
  boss.on('error', (error) => log.error({ err: error }, 'queue.error'))
  boss.on('warning', (warning) => log.warn({ warning: warning.message, data: warning.data }, 'queue.warning'))
  await boss.start()
  for (const { name, expireInSeconds, announced } of definitions) {
    const options = {
      expireInSeconds,
      retryLimit,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 60,
      retentionSeconds: oneYearSeconds,
      deleteAfterSeconds: 3_600,
      notify: !announced,
    }
    // A table of its own per queue: a backlog in one does not slow the others' claims.
    if (await boss.getQueue(name)) await boss.updateQueue(name, options)
    else await boss.createQueue(name, { ...options, partition: true })
  }
  // The embedded database has no other process, so whatever is claimed was claimed by one that died.
  if (database.backend === 'pglite') await releaseOrphans(boss, database.db, definitions)
  const callbacks: Callbacks = new Map()
  const close = supervise && database.hasSessions ? await listen(boss, callbacks, log) : async () => {}
  return createQueue(boss, database.db, log, callbacks, close)
}

/** By queue. */
type Callbacks = Map<string, () => void>

/** PostgreSQL's channel on which transactions tell, with the queue's name, that they enqueued what is due. */
const channel = 'krafter_push_jobs'

/** @returns what ends it */
async function listen(boss: PgBoss, callbacks: Callbacks, log: Logger): Promise<() => Promise<void>> {
  const callAll = () => {
    for (const callback of callbacks.values()) callback()
  }
  try {
    const { close } = await boss.getDb().listen!(channel, (name) => callbacks.get(name)?.(), callAll)
    return close
  } catch (error) {
    // Whoever waits for jobs looks for them from time to time besides.
    log.warn({ err: error }, 'queue.listen_failed')
    return async () => {}
  }
}

async function releaseOrphans(boss: PgBoss, db: Db, definitions: readonly QueueDefinition[]): Promise<void> {
  for (const { name } of definitions) {
    const { rows } = await sql<{ id: string }>`
      select id from ${sql.table(`${schema}.job`)} where name = ${name} and state = 'active'`.execute(db)
    if (rows.length === 0) continue
    const ids = rows.map((row) => row.id)
    await db.transaction().execute(async (trx) => {
      await boss.cancel(name, ids, { db: inTransaction(trx) })
      await boss.resume(name, ids, { db: inTransaction(trx) })
    })
  }
}

function createQueue(
  boss: PgBoss,
  db: Db,
  log: Logger,
  callbacks: Callbacks,
  stopListening: () => Promise<void>,
): Queue {
  return {
    async enqueue(trx, queue, jobs) {
      const isDue = jobs.some(({ delaySeconds = 0 }) => delaySeconds === 0)
      await pipelined([
        insertJobs(boss, trx, queue, jobs),
        queue.announced && isDue ? announce(trx, queue) : Promise.resolve(),
      ])
    },
    onEnqueued: (queue, callback) => void callbacks.set(queue.name, callback),
    async claim(queue, limit, ignoreGroups) {
      const jobs = await boss.fetch<object>(queue.name, { batchSize: limit, ignoreGroups: [...ignoreGroups] })
      return jobs.map((job) => toClaimed(queue, job))
    },
    async settle(trx, queue, jobs) {
      if (jobs.length === 0) return new Set()
      const attempts = jobs.map(({ id, retryCount }) => ({ id, retryCount }))
      const response = await boss.deleteJob(queue.name, attempts, { db: inTransaction(trx) })
      return new Set((response as { settled?: string[] }).settled ?? [])
    },
    async work(queue, concurrency, handler) {
      for (let worker = 0; worker < concurrency; worker++) {
        await startWorker(boss, queue.name, async (job) => {
          const claimed = toClaimed(queue, job)
          try {
            await handler(claimed)
          } catch (error) {
            log.error(
              { err: error, queue: queue.name, jobId: claimed.id, message: claimed.message },
              'job.failed',
            )
            throw error
          }
        })
      }
    },
    async schedule(queue, cron, handler) {
      await boss.schedule(queue.name, cron, null, { tz: 'UTC' })
      await boss.work(queue.name, { batchSize: 1 }, async ([job]) => {
        try {
          await handler()
        } catch (error) {
          log.error({ err: error, queue: queue.name, jobId: job!.id }, 'job.failed')
          throw error
        }
      })
    },
    async depths() {
      const { rows } = await sql<{ queue: string; count: number }>`
        select name as queue, count(*)::int as count from ${sql.table(`${schema}.job`)}
        where state < 'completed' and name not like '\\_\\_%' group by name`.execute(db)
      return rows
    },
    async stop(timeoutMs) {
      await stopListening()
      await boss.stop({ graceful: true, timeout: timeoutMs, close: true })
    },
  }
}

const enqueueChunk = 5_000

async function insertJobs(
  boss: PgBoss,
  trx: Trx,
  queue: QueueDefinition,
  jobs: Parameters<Queue['enqueue']>[2],
): Promise<void> {
  for (let start = 0; start < jobs.length; start += enqueueChunk) {
    await boss.insert(
      queue.name,
      jobs.slice(start, start + enqueueChunk).map((job) => ({
        id: job.id,
        data: job.message as object,
        startAfter: job.delaySeconds,
        group: job.group ? { id: job.group } : undefined,
      })),
      { db: inTransaction(trx) },
    )
  }
}

async function announce(trx: Trx, queue: QueueDefinition): Promise<void> {
  await sql`select pg_notify(${channel}, ${queue.name})`.execute(trx)
}

type BossJob = Parameters<typeof toClaimed>[1]

/**
 * One worker, one job at a time. After a job it looks for the next at once: left to itself it would wait for its next
 * poll, so that a backlog went at the pace of one job a second.
 */
async function startWorker(
  boss: PgBoss,
  queueName: string,
  handle: (job: BossJob) => Promise<void>,
): Promise<void> {
  const options = { batchSize: 1, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 1 }
  const started = Promise.withResolvers<string>()
  const id = await boss.work<object>(queueName, options, async ([job]) => {
    try {
      await handle(job!)
    } finally {
      boss.notifyWorker(await started.promise)
    }
  })
  started.resolve(id)
}

function toClaimed<Q extends QueueDefinition>(
  queue: Q,
  job: { id: string; data: object; retryCount?: number; groupId?: string | null },
): ClaimedJob<z.infer<Q['schema']>> {
  const message = queue.schema.parse(job.data) as z.infer<Q['schema']>
  return { id: job.id, retryCount: job.retryCount ?? 0, group: job.groupId ?? null, message }
}

function inTransaction(trx: Trx): ConnectionOptions['db'] {
  return fromKysely(trx)
}
