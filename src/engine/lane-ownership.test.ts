import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { poll } from '../../test/support/api.ts'
import { makeDatabase, openDatabase, type TestStorage } from '../../test/support/backends.ts'
import type { OpenDatabase } from '../platform/db/db.ts'
import { createNotices } from '../platform/db/notices.ts'
import { defaultConnectionLimits } from '../platform/db/postgres/connection-limits.ts'
import { createLogger } from '../platform/log.ts'
import {
  bucketOf,
  type LaneOwnership,
  leaseLanes,
  leaseTimes,
  noLanes,
  ownAllLanes,
} from './lane-ownership.ts'
import { bucketCount } from './lane-store.ts'

const { url, reason } = inject('postgres')
/** A lane in each bucket. */
const laneIds = Array.from({ length: bucketCount }, (_, bucket) => {
  const id = randomUUID()
  return id.slice(0, -4) + bucket.toString(16).padStart(4, '0')
})
const log = createLogger('silent') as never
const times = { leaseMs: 2_500, renewMs: 50 }

test('each lane has a bucket, by its id', () => {
  expect(laneIds.map(bucketOf)).toEqual(Array.from({ length: bucketCount }, (_, bucket) => bucket))
})

test('a process alone with its database owns everything, one without a worker nothing', () => {
  expect(laneIds.filter(ownAllLanes().owns)).toHaveLength(bucketCount)
  expect(laneIds.filter(noLanes().owns)).toEqual([])
})

test('a transaction that an owner left open ends no later than its leases', () => {
  expect(defaultConnectionLimits.idleTransactionMs).toBeLessThanOrEqual(leaseTimes.leaseMs)
})

describe.skipIf(!url)(`leases on lanes${reason ? `: ${reason}` : ''}`, () => {
  let storage: TestStorage
  let opened: OpenDatabase

  beforeAll(async () => {
    storage = await makeDatabase()
    opened = await openDatabase(storage)
  })
  afterAll(async () => {
    await opened.close()
    await storage.drop()
  })
  beforeEach(async () => {
    await opened.db.updateTable('lane_leases').set({ owner: null, expires_at: null }).execute()
    await opened.db.deleteFrom('workers').execute()
  })

  const lease = async (now?: () => number, itsTimes = times) => {
    const ownership = await leaseLanes(
      { db: opened.db, log, notices: createNotices(opened, log) },
      itsTimes,
      now,
    )
    onTestFinished(() => ownership.stop(0))
    return ownership
  }
  const owned = (ownership: LaneOwnership) => laneIds.filter((id) => ownership.owns(id))

  test('the first process takes all, the second gets its share, and no lane has two owners', async () => {
    const first = await lease()
    expect(owned(first)).toHaveLength(bucketCount)
    const second = await lease()
    await poll(
      async () => [owned(first).length, owned(second).length],
      ([one, two]) => one === bucketCount / 2 && two === bucketCount / 2,
    )
    expect(new Set([...owned(first), ...owned(second)]).size).toBe(bucketCount)
  })

  test('a lane with work under way moves when that has ended', async () => {
    const first = await lease()
    let busy = true
    first.onLeaving((bucket) => busy && bucket === bucketCount - 1)
    const last = laneIds.at(-1)!
    const second = await lease()
    await poll(
      async () => owned(second).length,
      (count) => count === bucketCount / 2 - 1,
    )
    // Nothing new starts in it meanwhile, anywhere.
    expect([first.owns(last), second.owns(last)]).toEqual([false, false])
    expect([first.holds(last), second.holds(last)]).toEqual([true, false])
    busy = false
    await poll(
      async () => second.owns(last),
      (isOwned) => isOwned,
    )
  })

  test('stopping hands everything back at once, and others hear that they gained lanes', async () => {
    const first = await lease()
    const second = await lease()
    await poll(
      async () => owned(second).length,
      (count) => count === bucketCount / 2,
    )
    let gained = 0
    second.onGained(() => {
      gained += 1
    })
    await first.stop(1_000)
    expect(owned(first)).toEqual([])
    await poll(
      async () => owned(second).length,
      (count) => count === bucketCount,
    )
    expect(gained).toBeGreaterThanOrEqual(2)
  })

  test('no share is kept for one that stops before it has got any lanes', async () => {
    const first = await lease()
    first.onLeaving(() => true)
    const second = await lease()
    expect(owned(second)).toEqual([])
    await second.stop(1_000)
    expect(await opened.db.selectFrom('workers').select('id').execute()).toHaveLength(1)
  })

  test('no lane waits for processes that died before they took their share', async () => {
    const seen = Array.from({ length: 3 }, () => ({ id: randomUUID(), seen_at: new Date() }))
    await opened.db.insertInto('workers').values(seen).execute()
    await opened.db
      .updateTable('lane_leases')
      .set({ owner: randomUUID(), expires_at: new Date(0) })
      .execute()
    // The three count for a minute.
    const alive = await lease(undefined, { leaseMs: 60_000, renewMs: 200 })
    expect(owned(alive)).toHaveLength(bucketCount)
    const untilOwned = (count: number) =>
      poll(
        async () => owned(alive).length,
        (found) => found === count,
      )
    await untilOwned(bucketCount / 4)
    // Nobody took what it gave back.
    await untilOwned(bucketCount)
  })

  test('who is gone is replaced when its leases have lapsed', async () => {
    const gone = await openDatabase(storage)
    const first = await leaseLanes({ ...gone, log, notices: createNotices(gone, log) }, times)
    onTestFinished(() => first.stop(0).catch(() => {}))
    await gone.close()
    const second = await lease()
    expect(owned(second)).toEqual([])
    await poll(
      async () => owned(second).length,
      (count) => count === bucketCount,
    )
  })

  test('who was silent for a lease owns nothing by its own clock, and another takes over', async () => {
    let stoppedMs = 0
    const first = await lease(() => performance.now() + stoppedMs)
    // As if the process had been stopped for so long: the database has not heard of it.
    await opened.db
      .updateTable('lane_leases')
      .set({ expires_at: new Date(0) })
      .execute()
    await opened.db.deleteFrom('workers').execute()
    stoppedMs = 60_000
    expect(owned(first)).toEqual([])
    const second = await lease()
    await poll(
      async () => owned(second).length,
      (count) => count >= bucketCount / 2,
    )
    const both = owned(first).filter((id) => second.owns(id))
    expect(both).toEqual([])
  })

  test('leases and processes of a future that the clock of the database went back from count as gone', async () => {
    const ahead = new Date(Date.now() + 7_200_000)
    await opened.db.updateTable('lane_leases').set({ owner: randomUUID(), expires_at: ahead }).execute()
    await opened.db.insertInto('workers').values({ id: randomUUID(), seen_at: ahead }).execute()
    expect(owned(await lease())).toHaveLength(bucketCount)
  })

  test('who was silent for a lease holds a lane again if nobody took it', async () => {
    let stoppedMs = 0
    const first = await lease(() => performance.now() + stoppedMs)
    stoppedMs = 60_000
    const [laneId] = laneIds as [string]
    expect(first.holds(laneId)).toBe(false)
    expect(await first.confirm(laneId)).toBe(true)
    await opened.db
      .updateTable('lane_leases')
      .set({ owner: randomUUID(), expires_at: new Date(Date.now() + times.leaseMs) })
      .execute()
    stoppedMs = 120_000
    expect(await first.confirm(laneId)).toBe(false)
  })
})
