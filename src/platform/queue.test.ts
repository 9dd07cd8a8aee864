import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { poll } from '../../test/support/api.ts'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../../test/support/backends.ts'
import { makeDue } from '../../test/support/database.ts'
import type { Db, OpenDatabase } from './db/db.ts'
import { migrate } from './db/migrate.ts'
import { newId } from './ids.ts'
import { createLogger } from './log.ts'
import type { ClaimedJob, Queue, QueueDefinition } from './queue.ts'
import { startQueue } from './start-queue.ts'

const greet = {
  name: 'greet',
  schema: z.object({ name: z.string() }),
  expireInSeconds: 60,
} as const satisfies QueueDefinition

const brief = { ...greet, name: 'brief', expireInSeconds: 1 } as const satisfies QueueDefinition

const stopTimeoutMs = 1_000

type Greeting = ClaimedJob<{ name: string }>

interface OpenQueue {
  database: OpenDatabase
  queue: Queue
  logs: Record<string, unknown>[]
  close(): Promise<void>
}

async function openQueue(storage: TestStorage, lookSeconds = 30): Promise<OpenQueue> {
  const database = await openDatabase(storage)
  await migrate(database.db)
  const logs: Record<string, unknown>[] = []
  const log = createLogger('info', { write: (line) => logs.push(JSON.parse(line)) })
  const queue = await startQueue(database, [greet, brief], log, true, { upkeepSeconds: 1, lookSeconds })
  const close = async () => {
    await queue.stop(stopTimeoutMs)
    await database.close()
  }
  return { database, queue, logs, close }
}

describeOnEachBackend(
  'the queue',
  (make) => {
    let storage: TestStorage
    let open: OpenQueue
    let db: Db
    let queue: Queue
    let seen: Greeting[] = []
    let handle: (job: Greeting) => Promise<void>

    const settle = (job: Greeting) => db.transaction().execute((trx) => queue.settle(trx, greet, job))

    beforeAll(async () => {
      storage = await make()
      open = await openQueue(storage)
      db = open.database.db
      queue = open.queue
      await queue.work(greet, 2, async (job) => {
        seen.push(job)
        await handle(job)
      })
    })

    afterAll(async () => {
      await open.close()
      await storage.drop()
    })

    // Each test begins with empty queues, whatever the one before left.
    beforeEach(async () => {
      await sql`delete from pgboss.job where name in (${greet.name}, ${brief.name}, 'dead-letter')`.execute(
        db,
      )
      seen = []
      handle = async (job) => void (await settle(job))
    })

    const enqueue = (jobs: Parameters<typeof queue.enqueue<typeof greet>>[2]) =>
      db.transaction().execute((trx) => queue.enqueue(trx, greet, jobs))
    const untilEmpty = () => poll(queue.depths, (depths) => depths.length === 0)

    test('hands a job out once, and removes it in the transaction that settles it', async () => {
      const ended = Promise.withResolvers<boolean>()
      handle = (job) => settle(job).then(ended.resolve, ended.reject)
      const id = newId()
      await enqueue([{ id, message: { name: 'Ada' } }])
      expect(await ended.promise).toBe(true)
      await untilEmpty()
      expect(seen).toEqual([{ id, retryCount: 0, message: { name: 'Ada' } }])
      expect(await settle(seen[0]!)).toBe(false)
    })

    test('a transaction that is rolled back leaves no job, and one that settles leaves its own', async () => {
      const attempt = db.transaction().execute(async (trx) => {
        await queue.enqueue(trx, greet, [{ message: { name: 'Ada' } }])
        throw new Error('no')
      })
      await expect(attempt).rejects.toThrow('no')
      expect(await queue.depths()).toEqual([])
      handle = async (job) => {
        const settled = db.transaction().execute(async (trx) => {
          await queue.settle(trx, greet, job)
          throw new Error('no')
        })
        await expect(settled).rejects.toThrow('no')
        expect(await settle(job)).toBe(true)
      }
      await enqueue([{ message: { name: 'Grace' } }])
      await untilEmpty()
      expect(seen).toMatchObject([{ message: { name: 'Grace' }, retryCount: 0 }])
    })

    test('a second job with the same id is dropped while the first is there', async () => {
      const id = newId()
      const message = { name: 'Ada' }
      await enqueue([{ id, delaySeconds: 60, message }])
      await enqueue([{ id, delaySeconds: 60, message: { name: 'Grace' } }])
      const jobs = await sql`select data from pgboss.job where name = ${greet.name}`.execute(db)
      expect(jobs.rows).toEqual([{ data: message }])
    })

    test('what is put off is taken up when its time comes, not at the next poll', async () => {
      const putOffAt = performance.now()
      await enqueue([{ delaySeconds: 1, message: { name: 'later' } }])
      await untilEmpty()
      expect(seen).toMatchObject([{ message: { name: 'later' } }])
      const ms = performance.now() - putOffAt
      expect(ms).toBeGreaterThan(900)
      expect(ms).toBeLessThan(20_000)
    })

    test('a claim that lapsed settles nothing, and whoever took the job up since does', async () => {
      const taken: Greeting[] = []
      const ended = Promise.withResolvers<boolean[]>()
      await queue.work(brief, 2, async (job) => {
        taken.push(job)
        // The first outlives its claim.
        if (taken.length === 1) return new Promise(() => {})
        const settled = async (claim: Greeting) =>
          db.transaction().execute((trx) => queue.settle(trx, brief, claim))
        ended.resolve([await settled(taken[0]!), await settled(job)])
      })
      await db.transaction().execute((trx) => queue.enqueue(trx, brief, [{ message: { name: 'Ada' } }]))
      await poll(
        () => sql`select from pgboss.job where name = ${brief.name} and state = 'retry'`.execute(db),
        ({ rows }) => rows.length === 1,
      )
      await makeDue(db, brief.name)
      expect(await ended.promise).toEqual([false, true])
      expect(taken[1]).toMatchObject({ id: taken[0]!.id, retryCount: 1 })
    })

    test('claims that a dead process may hold are taken over, and settle nothing then', async () => {
      const claimed = Promise.withResolvers<void>()
      handle = async (job) => {
        if (seen.length > 1) return void (await settle(job))
        claimed.resolve()
        return new Promise(() => {})
      }
      await enqueue([{ message: { name: 'Ada' } }])
      await claimed.promise
      await queue.takeOver(greet, 60)
      expect(
        await sql`select from pgboss.job where name = ${greet.name} and state = 'active'`.execute(db),
      ).toMatchObject({ rows: [{}] })
      await queue.takeOver(greet, 0)
      await untilEmpty()
      expect(seen.map(({ retryCount }) => retryCount)).toEqual([0, 1])
      expect(await settle(seen[0]!)).toBe(false)
    })

    test('a backlog does not wait for polls', async () => {
      await enqueue(Array.from({ length: 40 }, (_, n) => ({ message: { name: String(n) } })))
      await untilEmpty()
      expect(seen).toHaveLength(40)
    })

    test('a handler that fails has its job again', async () => {
      handle = async (job) => {
        if (seen.length === 1) throw new Error('not yet')
        await settle(job)
      }
      await enqueue([{ message: { name: 'Ada' } }])
      await untilEmpty()
      expect(seen.map(({ retryCount }) => retryCount)).toEqual([0, 1])
    })

    test('a job that cannot be read becomes a dead letter, with a line in the log; the others go on', async () => {
      const other = { ...greet, schema: z.object({ nom: z.string() }) }
      await db.transaction().execute((trx) => queue.enqueue(trx, other, [{ message: { nom: 'Ada' } }]))
      await enqueue([{ message: { name: 'Grace' } }])
      const depths = await poll(queue.depths, (all) => all.every(({ queue }) => queue === 'dead-letter'))
      expect(depths).toEqual([{ queue: 'dead-letter', count: 1 }])
      expect(seen).toMatchObject([{ message: { name: 'Grace' } }])
      const { rows } = await sql`select data from pgboss.job where name = 'dead-letter'`.execute(db)
      expect(rows).toEqual([{ data: { queue: 'greet', message: { nom: 'Ada' } } }])
      expect(open.logs.filter(({ msg }) => msg === 'job.unreadable')).toMatchObject([
        { level: 'error', queue: 'greet', message: { nom: 'Ada' } },
      ])
      // A version that knows the form is back: docs/operate/monitoring.md, Dead letters.
      await sql`update pgboss.job set data = jsonb_set(data, '{message}', '{"name": "Ada"}')
      where name = 'dead-letter'`.execute(db)
      const docs = readFileSync(new URL('../../docs/operate/monitoring.md', import.meta.url), 'utf8')
      const statements = /## Dead letters.*?```sql\n(.*?)```/s.exec(docs)![1]!
      for (const statement of statements.split(/;\n/).filter(Boolean)) await sql.raw(statement).execute(db)
      // The next look for jobs would find it, half a minute later.
      await makeDue(db, greet.name)
      await untilEmpty()
      expect(seen[1]).toMatchObject({ message: { name: 'Ada' } })
    })
  },
  { together: true },
)

describeOnEachBackend(
  'the queue after its process has ended',
  (make) => {
    test('has every job that was not settled, and finds what nobody told it of', async () => {
      const storage = await make()
      const before = await openQueue(storage)
      const claimed = Promise.withResolvers<Greeting>()
      const isEmbedded = storage.backend === 'pglite'
      // Embedded, a claim cannot outlive its process: nobody else can have made it.
      if (isEmbedded) {
        await before.queue.work(greet, 1, (job) => {
          claimed.resolve(job)
          return new Promise(() => {})
        })
      }
      await before.database.db
        .transaction()
        .execute((trx) => before.queue.enqueue(trx, greet, [{ message: { name: 'Ada' } }]))
      const first = isEmbedded ? await claimed.promise : undefined
      if (isEmbedded) await before.database.close()
      else await before.close()

      const after = await openQueue(storage, 1)
      const { db } = after.database
      const jobs: Greeting[] = []
      await after.queue.work(greet, 1, async (job) => {
        await db.transaction().execute((trx) => after.queue.settle(trx, greet, job))
        jobs.push(job)
      })
      await poll(
        async () => jobs.length,
        (count) => count === 1,
      )
      expect(jobs.map(({ message }) => message.name)).toEqual(['Ada'])
      if (first) expect(jobs[0]!.id).toBe(first.id)
      await db
        .transaction()
        .execute((trx) =>
          after.queue.enqueue(trx, greet, [{ delaySeconds: 3_600, message: { name: 'Grace' } }]),
        )
      await sql`update pgboss.job set start_after = now() where name = ${greet.name}`.execute(db)
      await poll(
        async () => jobs.length,
        (count) => count === 2,
      )
      expect(jobs.map(({ message }) => message.name)).toEqual(['Ada', 'Grace'])
      await after.close()
      await storage.drop()
    })
  },
  { together: true },
)
