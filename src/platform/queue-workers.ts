import type { PgBoss } from 'pg-boss'
import { getOrInsert } from './get-or-insert.ts'

/** A job as pg-boss gives it to a worker. */
export interface BossJob {
  id: string
  data: unknown
  retryCount?: number
}

/** Workers of this process, by queue. Each runs one job at a time. */
export function createWorkers(boss: PgBoss) {
  /** The ids of each queue's idle workers. */
  const free = new Map<string, Set<string>>()
  const never = { pollingIntervalSeconds: neverSeconds, notifyPollingIntervalSeconds: neverSeconds }
  const wake = (queueName: string) => {
    for (const id of free.get(queueName) ?? []) boss.notifyWorker(id)
  }
  return {
    async start(queueName: string, handle: (job: BossJob) => Promise<void>) {
      const started = Promise.withResolvers<string>()
      const idle = getOrInsert(free, queueName, () => new Set())
      const id = await boss.work<object>(queueName, { batchSize: 1, ...never }, async ([job]) => {
        const self = await started.promise
        idle.delete(self)
        // Other jobs may be waiting as well.
        wake(queueName)
        try {
          await handle(job!)
        } finally {
          idle.add(self)
          boss.notifyWorker(self)
        }
      })
      idle.add(id)
      started.resolve(id)
    },
    /** Makes the queue's idle workers look for jobs now. */
    wake,
    /** Makes one idle worker of each queue look for jobs now. */
    look() {
      for (const [id] of free.values()) if (id) boss.notifyWorker(id)
    },
  }
}

/** pg-boss has no workers without polling; a day between polls amounts to never. */
const neverSeconds = 86_400
