import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { describeOnEachBackend, openDatabase, type TestStorage } from '../../test/support/backends.ts'
import type { Db, OpenDatabase } from './db/db.ts'
import { migrate } from './db/migrate.ts'
import { newId } from './ids.ts'
import { createLogger } from './log.ts'
import { type Queue, type QueueDefinition, startQueue } from './queue.ts'

const greet = {
  name: 'greet',
  schema: z.object({ name: z.string() }),
  expireInSeconds: 60,
} as const satisfies QueueDefinition

const announced = { ...greet, name: 'announced', announced: true } as const satisfies QueueDefinition
const brief = { ...greet, name: 'brief', expireInSeconds: 1 } as const satisfies QueueDefinition

const stopTimeoutMs = 1_000

interface OpenQueue {
  database: OpenDatabase
  queue: Queue
  close(): Promise<void>
}

async function openQueue(storage: TestStorage): Promise<OpenQueue> {
  const database = await openDatabase(storage)
  await migrate(database.db)
  const queue = await startQueue(database, [greet, brief, announced], createLogger('silent'), true)
  const close = async () => {
    await queue.stop(stopTimeoutMs)
    await database.close()
  }
  return { database, queue, close }
}

describeOnEachBackend('the queue', (make) => {
  let storage: TestStorage
  let open: OpenQueue
  let db: Db
  let queue: Queue

  beforeAll(async () => {
    storage = await make()
    open = await openQueue(storage)
    db = open.database.db
    queue = open.queue
  })

  afterAll(async () => {
    await open.close()
    await storage.drop()
  })

  // Each test begins with empty queues, whatever the one before left claimed.
  beforeEach(async () => {
    await sql`delete from pgboss.job where name in (${greet.name}, ${brief.name}, ${announced.name})`.execute(
      db,
    )
  })

  const enqueue = (jobs: Parameters<typeof queue.enqueue<typeof greet>>[2]) =>
    db.transaction().execute((trx) => queue.enqueue(trx, greet, jobs))

  test('takes a job, hands it out once and removes it in the transaction that settles it', async () => {
    const id = newId()
    const group = newId()
    await enqueue([{ id, group, message: { name: 'Ada' } }])
    expect(await queue.depths()).toEqual([{ queue: 'greet', count: 1 }])

    const jobs = await queue.claim(greet, 10, [])
    expect(jobs).toEqual([{ id, group, retryCount: 0, message: { name: 'Ada' } }])
    expect(await queue.claim(greet, 10, [])).toEqual([])

    const settled = await db.transaction().execute((trx) => queue.settle(trx, greet, jobs))
    expect(settled).toEqual(new Set([id]))
    expect(await queue.depths()).toEqual([])
  })

  test('a transaction that is rolled back leaves no job', async () => {
    const attempt = db.transaction().execute(async (trx) => {
      await queue.enqueue(trx, greet, [{ message: { name: 'Ada' } }])
      throw new Error('no')
    })
    await expect(attempt).rejects.toThrow('no')
    expect(await queue.claim(greet, 10, [])).toEqual([])
  })

  test('a settling transaction that is rolled back leaves the claim as it was', async () => {
    await enqueue([{ message: { name: 'Ada' } }])
    const jobs = await queue.claim(greet, 10, [])
    const attempt = db.transaction().execute(async (trx) => {
      await queue.settle(trx, greet, jobs)
      throw new Error('no')
    })
    await expect(attempt).rejects.toThrow('no')
    const settled = await db.transaction().execute((trx) => queue.settle(trx, greet, jobs))
    expect(settled).toEqual(new Set([jobs[0]!.id]))
  })

  test('a job settled and put back in one transaction is there again', async () => {
    const id = newId()
    await enqueue([{ id, message: { name: 'Ada' } }])
    const jobs = await queue.claim(greet, 10, [])
    await db.transaction().execute(async (trx) => {
      await queue.settle(trx, greet, jobs)
      await queue.enqueue(trx, greet, [{ id, message: { name: 'Grace' } }])
    })
    expect(await queue.claim(greet, 10, [])).toMatchObject([{ id, message: { name: 'Grace' } }])
  })

  test('an announced queue tells of jobs that are due, once they are committed', async () => {
    const told = Promise.withResolvers<string>()
    let step = 'before any'
    queue.onEnqueued(announced, () => told.resolve(step))
    const send = (to: QueueDefinition, delaySeconds?: number) =>
      db.transaction().execute((trx) => queue.enqueue(trx, to, [{ message: { name: 'Ada' }, delaySeconds }]))
    step = 'to another queue'
    await send(greet)
    step = 'for later'
    await send(announced, 60)
    step = 'rolled back'
    const rolledBack = db.transaction().execute(async (trx) => {
      await queue.enqueue(trx, announced, [{ message: { name: 'Ada' } }])
      throw new Error('no')
    })
    await expect(rolledBack).rejects.toThrow('no')
    step = 'not committed yet'
    await db.transaction().execute(async (trx) => {
      await queue.enqueue(trx, announced, [{ message: { name: 'Ada' } }])
      step = 'committed'
    })
    expect(await told.promise).toBe('committed')
    expect(await queue.claim(announced, 10, [])).toHaveLength(1)
  })

  test('a second job with the same id is dropped while the first is there', async () => {
    const id = newId()
    await enqueue([{ id, message: { name: 'Ada' } }])
    await enqueue([{ id, message: { name: 'Grace' } }])
    expect(await queue.claim(greet, 10, [])).toMatchObject([{ id, message: { name: 'Ada' } }])
  })

  test('hands out the oldest first and no more than asked for', async () => {
    for (const name of ['first', 'second', 'third']) await enqueue([{ message: { name } }])
    const names = async () => (await queue.claim(greet, 2, [])).map((job) => job.message.name)
    expect((await names()).sort()).toEqual(['first', 'second'])
    expect(await names()).toEqual(['third'])
  })

  test('passes over ignored groups', async () => {
    const group = newId()
    await enqueue([{ group, message: { name: 'held' } }, { message: { name: 'free' } }])
    expect(await queue.claim(greet, 10, [group])).toMatchObject([{ message: { name: 'free' } }])
    expect(await queue.claim(greet, 10, [])).toMatchObject([{ message: { name: 'held' } }])
  })

  test('keeps a delayed job back until it is due', async () => {
    await enqueue([{ delaySeconds: 1, message: { name: 'later' } }])
    expect(await queue.claim(greet, 10, [])).toEqual([])
    await expect
      .poll(() => queue.claim(greet, 10, []), { timeout: 5_000, interval: 100 })
      .toMatchObject([{ message: { name: 'later' } }])
  })

  test('a claim that lapsed settles nothing, and whoever took the job up since does', async () => {
    await db.transaction().execute((trx) => queue.enqueue(trx, brief, [{ message: { name: 'Ada' } }]))
    const lapsed = await queue.claim(brief, 10, [])
    expect(lapsed).toHaveLength(1)
    // Expired claims are looked for every ten seconds, and come back after their retry delay.
    let taken: typeof lapsed = []
    const deadline = performance.now() + 28_000
    while (taken.length === 0 && performance.now() < deadline) {
      await sleep(200)
      taken = await queue.claim(brief, 10, [])
    }
    expect(taken).toMatchObject([{ id: lapsed[0]!.id, retryCount: 1 }])

    await db.transaction().execute(async (trx) => {
      expect(await queue.settle(trx, brief, lapsed)).toEqual(new Set())
      expect(await queue.settle(trx, brief, taken)).toEqual(new Set([taken[0]!.id]))
    })
  })

  test('a backlog does not wait for polls', async () => {
    const jobs = Array.from({ length: 40 }, (_, n) => ({ message: { name: String(n) } }))
    const backlog = { ...greet, name: brief.name }
    const done = Promise.withResolvers<void>()
    let left = jobs.length
    await db.transaction().execute((trx) => queue.enqueue(trx, backlog, jobs))
    const startedAt = performance.now()
    await queue.work(backlog, 1, async (job) => {
      await db.transaction().execute((trx) => queue.settle(trx, backlog, [job]))
      left -= 1
      if (left === 0) done.resolve()
    })
    await done.promise
    // Half a second for each, were it for the polls alone.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  test('a handler that fails has its job again', async () => {
    const seen: number[] = []
    const done = Promise.withResolvers<void>()
    await queue.work(greet, 2, async (job) => {
      seen.push(job.retryCount)
      if (seen.length === 1) throw new Error('not yet')
      await db.transaction().execute((trx) => queue.settle(trx, greet, [job]))
      done.resolve()
    })
    await enqueue([{ message: { name: 'Ada' } }])
    await done.promise
    expect(seen).toEqual([0, 1])
    expect(await queue.depths()).toEqual([])
  })
})

describeOnEachBackend('the queue after its process has ended', (make) => {
  test('has every job that was not settled', async () => {
    const storage = await make()
    const before = await openQueue(storage)
    await before.database.db
      .transaction()
      .execute((trx) => before.queue.enqueue(trx, greet, [{ message: { name: 'Ada' } }]))
    const claimed = storage.backend === 'pglite' ? await before.queue.claim(greet, 10, []) : []
    await before.close()

    const after = await openQueue(storage)
    // Embedded, a claim cannot outlive its process: nobody else can have made it.
    const jobs = await after.queue.claim(greet, 10, [])
    expect(jobs).toMatchObject([{ message: { name: 'Ada' } }])
    await after.database.db.transaction().execute(async (trx) => {
      if (claimed.length > 0) expect(jobs[0]!.id).toBe(claimed[0]!.id)
      expect(await after.queue.settle(trx, greet, jobs)).toEqual(new Set([jobs[0]!.id]))
    })
    await after.close()
    await storage.drop()
  })
})
