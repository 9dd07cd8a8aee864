import { describe, expect, test } from 'vitest'
import {
  createDeduplicator,
  createMemoryStore,
  type DeduplicationStore,
  EventInProgressError,
} from './index.ts'

const ok = () => {}

/** A database that several processes share: every command takes a while and is atomic. */
function sharedStore(now: () => Date) {
  const memory = createMemoryStore({ now })
  const later = <Result>(command: () => Result) =>
    new Promise<Result>((resolve) => setImmediate(() => resolve(command())))
  const store: DeduplicationStore = {
    add: (key, ttlSeconds) => later(() => memory.add(key, ttlSeconds) as boolean),
    has: (key) => later(() => memory.has(key) as boolean),
    delete: (key) => later(() => memory.delete(key)),
  }
  return store
}

function makeClock() {
  let ms = 1_000_000
  return {
    now: () => new Date(ms),
    advance(seconds: number) {
      ms += seconds * 1_000
    },
  }
}

describe.each(['memory', 'a store of the user'] as const)('over %s', (kind) => {
  function make() {
    const clock = makeClock()
    const store = kind === 'memory' ? createMemoryStore(clock) : sharedStore(clock.now)
    return { clock, store, deduplicator: createDeduplicator({ store }) }
  }

  test('the work of an event is done once', async () => {
    const { deduplicator } = make()
    let done = 0
    const work = () => void done++
    expect(await deduplicator.once('a', work)).toBe(true)
    expect(await deduplicator.once('a', work)).toBe(false)
    expect(await deduplicator.once('b', work)).toBe(true)
    expect(done).toBe(2)
  })

  test('of many at the same time one does it', async () => {
    const { deduplicator } = make()
    let done = 0
    const results = await Promise.all(
      Array.from({ length: 20 }, () => deduplicator.once('a', async () => void done++)),
    )
    expect(results.filter(Boolean)).toHaveLength(1)
    expect(done).toBe(1)
  })

  test('after a failure the next delivery does it', async () => {
    const { deduplicator } = make()
    const fail = async () => Promise.reject(new Error('the disk is full'))
    await expect(deduplicator.once('a', fail)).rejects.toThrow('the disk is full')
    expect(await deduplicator.once('a', ok)).toBe(true)
  })

  test('nobody who came meanwhile is told that a failure was done', async () => {
    const { deduplicator } = make()
    let calls = 0
    const failFirst = async () => {
      if (calls++ === 0) throw new Error('once')
    }
    const results = await Promise.allSettled([1, 2, 3].map(() => deduplicator.once('a', failFirst)))
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual([
      'failed',
      true,
      false,
    ])
    expect(calls).toBe(2)
  })

  test('handled events are forgotten after 8 days', async () => {
    const { clock, deduplicator } = make()
    await deduplicator.once('a', ok)
    clock.advance(8 * 86_400 - 1)
    expect(await deduplicator.once('a', ok)).toBe(false)
    clock.advance(2)
    expect(await deduplicator.once('a', ok)).toBe(true)
  })
})

describe('several processes', () => {
  test('one works, the others are told to come again, or that it is done', async () => {
    const store = sharedStore(makeClock().now)
    const one = createDeduplicator({ store })
    const other = createDeduplicator({ store })
    const { promise: work, resolve: finish } = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    const first = one.once('a', () => {
      started.resolve()
      return work
    })
    await started.promise
    await expect(other.once('a', ok)).rejects.toThrow(EventInProgressError)
    finish()
    expect(await first).toBe(true)
    expect(await other.once('a', ok)).toBe(false)
  })

  test('at the same moment only one of them does the work', async () => {
    const store = sharedStore(makeClock().now)
    let done = 0
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => createDeduplicator({ store }).once('a', () => void done++)),
    )
    expect(results.filter((result) => result.status === 'fulfilled' && result.value)).toHaveLength(1)
    expect(done).toBe(1)
  })

  test('what a process that died has claimed is free after its lease', async () => {
    const clock = makeClock()
    const store = sharedStore(clock.now)
    const dead = createDeduplicator({ store, leaseSeconds: 30 })
    void dead.once('a', () => new Promise(() => {}))
    const other = createDeduplicator({ store, leaseSeconds: 30 })
    await expect(other.once('a', ok)).rejects.toThrow(EventInProgressError)
    clock.advance(31)
    expect(await other.once('a', ok)).toBe(true)
  })
})

test('the memory is bounded: the oldest go first', async () => {
  const store = createMemoryStore({ maxEntries: 2 })
  for (const key of ['a', 'b', 'c']) expect(store.add(key, 60)).toBe(true)
  expect(['a', 'b', 'c'].map((key) => store.has(key))).toEqual([false, true, true])
})
