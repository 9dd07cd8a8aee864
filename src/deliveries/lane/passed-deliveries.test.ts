import fc from 'fast-check'
import { expect, test } from 'vitest'
import { firstIdOf } from '../../platform/ids.ts'
import type { Passed } from './lane.ts'
import { passedAfter, startOfRead } from './passed-deliveries.ts'

const limit = 4

interface Row {
  id: string
  orderKey: string
}

/** A lane's pending deliveries, and what its process knows of them. */
function makeModel() {
  let nowMs = Date.UTC(2030, 0)
  const rows: Row[] = []
  const waiting = new Set<string>()
  const underWay = new Map<string, string>()
  let passed: Passed | null = null

  /** Every read is compared with one from the front. */
  const begin = () => {
    const waitingKeys = [...waiting]
    const blocking = new Map(underWay)
    const blockedKeys = [...waitingKeys, ...blocking.values()]
    const fromId = startOfRead(passed, blockedKeys)
    const open = rows.filter(({ id, orderKey }) => !blocking.has(id) && !blockedKeys.includes(orderKey))
    const found = open.filter(({ id }) => id >= (fromId ?? '')).slice(0, limit)
    expect(found).toEqual(open.slice(0, limit))
    return {
      read: { fromId, limit, blockedKeys, waitingKeys, blocking, atMs: nowMs },
      found,
      lookedThrough: rows.filter(({ id }) => id >= (fromId ?? '')).length,
    }
  }
  return {
    begin,
    pass(ms: number) {
      nowMs += ms
    },
    /** @param lateMs how long ago its id was created */
    publish(orderKey: string, lateMs = 0) {
      nowMs += 1
      rows.push({ id: firstIdOf(new Date(nowMs - lateMs)), orderKey })
      rows.sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    serve({ read, found }: ReturnType<typeof begin>, starts: number) {
      passed = passedAfter(passed, read, found)
      const isHead = ({ orderKey }: Row, at: number) =>
        found.findIndex((row) => row.orderKey === orderKey) === at
      for (const { id, orderKey } of found.filter(isHead).slice(0, starts)) underWay.set(id, orderKey)
    },
    end(succeeds: boolean) {
      const [first] = underWay
      if (!first) return false
      const [id, orderKey] = first
      underWay.delete(id)
      if (!succeeds) waiting.add(orderKey)
      else
        rows.splice(
          rows.findIndex((row) => row.id === id),
          1,
        )
      return true
    },
    retry: () => void waiting.delete([...waiting][0] ?? ''),
  }
}

test('a read that passes over deliveries finds what a read from the front finds', () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('publish' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      lateMs: fc.nat(5_000),
    }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(200_000) }),
    fc.record({ do: fc.constant('begin' as const) }),
    fc.record({ do: fc.constant('retry' as const) }),
    fc.record({ do: fc.constant('serve' as const), starts: fc.nat(3) }),
    fc.record({ do: fc.constant('end' as const), succeeds: fc.boolean() }),
  )
  let passing = 0
  const property = fc.property(fc.array(step, { minLength: 100, maxLength: 200 }), (steps) => {
    const model = makeModel()
    let begun: ReturnType<typeof model.begin> | null = null
    for (const one of steps) {
      if (one.do === 'publish') model.publish(one.key, one.lateMs)
      else if (one.do === 'pass') {
        // No attempt and no read lasts for as long as a transaction may be late.
        while (model.end(true));
        begun = null
        model.pass(one.ms)
      } else if (one.do === 'end') model.end(one.succeeds)
      else if (one.do === 'retry') model.retry()
      else if (one.do === 'begin') begun ??= model.begin()
      else if (begun) {
        if (begun.read.fromId) passing += 1
        model.serve(begun, one.starts)
        begun = null
      }
    }
  })
  fc.assert(property, { numRuns: 200 })
  expect(passing).toBeGreaterThan(0)
})

test('a read does not grow with what waits behind a failing subscriber', () => {
  const model = makeModel()
  const readOnce = () => {
    const begun = model.begin()
    model.serve(begun, 1)
    return begun.lookedThrough
  }
  for (let n = 0; n < 1_000; n++) model.publish('bad')
  readOnce()
  model.end(false)
  model.pass(400_000)
  const sizes = Array.from({ length: 50 }, (_, n) => {
    model.publish(`good${n}`)
    const size = readOnce()
    model.end(true)
    return size
  })
  expect(sizes[0]).toBe(1_001)
  expect(Math.max(...sizes.slice(1))).toBe(1)

  // While the rest of it is delivered, others are found without looking through it.
  model.retry()
  readOnce()
  model.publish('other')
  expect(readOnce()).toBe(1)
})
