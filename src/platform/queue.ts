import { sql } from 'kysely'
import { fromKysely, type PgBoss } from 'pg-boss'
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { Db, Trx } from './db/db.ts'
import { type BossJob, createWorkers } from './queue-workers.ts'

/** A queue and the schema of its messages. */
export interface QueueDefinition {
  name: string
  schema: z.ZodType
  /** How long a process may hold a job before another may claim it. Longer than every deadline inside the job. */
  expireInSeconds: number
}

/** A job that this process claimed. `retryCount` distinguishes this claim from later claims of the same job. */
export interface ClaimedJob<Message> {
  id: string
  retryCount: number
  message: Message
}

export interface JobOptions {
  /** A UUID. While a job with this id exists, a second one is dropped. */
  id?: string
  delaySeconds?: number
}

/** The database schema of pg-boss. */
export const schema = 'pgboss'
/** Jobs whose message no running version could read; an operator moves them back or deletes them. */
export const deadLetter = 'dead-letter'
export const maxRetryDelaySeconds = 60

/**
 * The queue of a started pg-boss.
 *
 * @param lookSeconds how often a worker of each queue polls for jobs
 */
export function createQueue(boss: PgBoss, db: Db, log: Logger, lookSeconds: number) {
  const workers = createWorkers(boss)
  const looking = setInterval(workers.look, lookSeconds * 1_000).unref()

  /** Moves an unreadable job to the dead-letter queue: otherwise it would be claimed again forever, unnoticed. */
  const bury = async (queue: QueueDefinition, job: BossJob, error: unknown) => {
    log.error({ err: error, queue: queue.name, jobId: job.id, message: job.data }, 'job.unreadable')
    await db.transaction().execute(async (trx) => {
      const options = { db: fromKysely(trx) }
      await boss.deleteJob(queue.name, [{ id: job.id, retryCount: job.retryCount ?? 0 }], options)
      await boss.insert(deadLetter, [{ data: { queue: queue.name, message: job.data } }], options)
    })
  }

  const run = async (
    queue: QueueDefinition,
    job: BossJob,
    handler: (job: ClaimedJob<never>) => Promise<void>,
  ) => {
    const parsed = queue.schema.safeParse(job.data)
    if (!parsed.success) return bury(queue, job, parsed.error)
    const { id, retryCount = 0 } = job
    try {
      await handler({ id, retryCount, message: parsed.data as never })
    } catch (error) {
      log.error({ err: error, queue: queue.name, jobId: id, message: parsed.data }, 'job.failed')
      // pg-boss picks a random delay between half of this value and this value.
      wakeAfter(queue, Math.min(maxRetryDelaySeconds, 2 ** (retryCount + 1)))
      throw error
    }
  }

  /** NOTIFY announces only jobs that are due now. For a delayed job, the process that delayed it wakes a worker. */
  const wakeAfter = ({ name }: QueueDefinition, seconds: number) => {
    if (seconds <= maxWakeSeconds) setTimeout(workers.wake, seconds * 1_000 + lateMs, name).unref()
  }

  return {
    /** Inserts jobs in the caller's transaction: the change and its follow-up work commit together. */
    async enqueue<Q extends QueueDefinition>(
      trx: Trx,
      queue: Q,
      jobs: readonly ({ message: z.infer<Q['schema']> } & JobOptions)[],
    ) {
      const rows = jobs.map(({ id, message, delaySeconds }) => ({
        id,
        data: message as object,
        startAfter: delaySeconds,
      }))
      await boss.insert(queue.name, rows, { db: fromKysely(trx) })
      for (const delay of new Set(jobs.map(({ delaySeconds = 0 }) => delaySeconds))) {
        if (delay > 0) wakeAfter(queue, delay)
      }
    },
    /**
     * Removes a claimed job in the caller's transaction.
     *
     * @returns false when the claim has expired: another process may own the job, so its result must not be recorded
     */
    async settle(
      trx: Trx,
      queue: QueueDefinition,
      { id, retryCount }: { id: string; retryCount: number },
    ): Promise<boolean> {
      const response = await boss.deleteJob(queue.name, [{ id, retryCount }], { db: fromKysely(trx) })
      return (response as { settled?: string[] }).settled?.includes(id) === true
    },
    /**
     * Runs `handler` for each job, up to `concurrency` at once. The handler settles its job itself. A job whose handler
     * throws is logged and retried with a growing delay, without limit. A job whose message does not match the queue's
     * schema is logged and moved to the queue `dead-letter`.
     */
    async work<Q extends QueueDefinition>(
      queue: Q,
      concurrency: number,
      handler: (job: ClaimedJob<z.infer<Q['schema']>>) => Promise<void>,
    ) {
      for (let worker = 0; worker < concurrency; worker++) {
        await workers.start(queue.name, (job) => run(queue, job, handler))
      }
    },
    /** Runs `handler` at the times of a cron expression (UTC), once across all processes. */
    async schedule(queue: QueueDefinition, cron: string, handler: () => Promise<void>) {
      await boss.schedule(queue.name, cron, null, { tz: 'UTC' })
      await workers.start(queue.name, (job) => run(queue, job, handler))
    },
    /**
     * Releases the claims on a queue's jobs that are older than `heldForSeconds`, and looks for its jobs, because the
     * process that claimed or delayed them may be dead. A live holder can then no longer settle its job.
     */
    async takeOver({ name }: QueueDefinition, heldForSeconds: number) {
      const { rows } = await sql<{ id: string }>`
        select id from ${sql.table(`${schema}.job`)}
        where name = ${name} and state = 'active' and started_on <= now() - make_interval(secs => ${heldForSeconds})`.execute(
        db,
      )
      const ids = rows.map(({ id }) => id)
      if (ids.length > 0) {
        await db.transaction().execute(async (trx) => {
          await boss.cancel(name, ids, { db: fromKysely(trx) })
          await boss.resume(name, ids, { db: fromKysely(trx) })
        })
      }
      workers.wake(name)
    },
    /** Jobs not yet settled, by queue. */
    async depths(): Promise<{ queue: string; count: number }[]> {
      const { rows } = await sql<{ queue: string; count: number }>`
        select name as queue, count(*)::int as count from ${sql.table(`${schema}.job`)}
        where state < 'completed' and name not like '\\_\\_%' group by name`.execute(db)
      return rows
    },
    /** Claims no more jobs, and waits up to `timeoutMs` for running handlers. */
    async stop(timeoutMs: number) {
      clearInterval(looking)
      await boss.stop({ graceful: true, timeout: timeoutMs, close: true })
    },
  }
}

/** Jobs in the database, claimed and settled through pg-boss. */
export type Queue = ReturnType<typeof createQueue>

/** Due times use the database's clock, which may be this far behind the clock of the process. */
const lateMs = 100
/** Jobs delayed for longer are found by polling. */
const maxWakeSeconds = 3_600
