import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shareBudget } from './turns.ts'

const wishes = (...rooms: number[]) => rooms.map((room, index) => ({ laneId: `l${index}`, room }))

describe('sharing a budget', () => {
  test.each([
    ['enough for all', [3, 5], 10, { l0: 3, l1: 5 }],
    ['the modest get all, the others share what is left', [2, 100, 100], 20, { l0: 2, l1: 9, l2: 9 }],
    ['one alone gets it all', [100], 20, { l0: 20 }],
    ['more lanes than budget: the first in line', [5, 5, 5], 2, { l0: 1, l1: 1 }],
    ['nothing to share', [5, 5], 0, {}],
    ['a debt', [5], -3, {}],
  ])('%s', (_, rooms, budget, expected) => {
    expect(Object.fromEntries(shareBudget(wishes(...rooms), budget))).toEqual(expected)
  })

  test('nobody gets more than its room, none of it is lost, and equals differ by one at most', () => {
    const rooms = fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 50 })
    fc.assert(
      fc.property(rooms, fc.integer({ min: 0, max: 2_000 }), (given, budget) => {
        const shares = shareBudget(wishes(...given), budget)
        const got = given.map((_, index) => shares.get(`l${index}`) ?? 0)
        expect(got.every((share, index) => share <= given[index]!)).toBe(true)
        const total = got.reduce((sum, share) => sum + share, 0)
        const wanted = given.reduce((sum, room) => sum + room, 0)
        if (given.length <= budget) expect(total).toBe(Math.min(budget, wanted))
        const hungry = got.filter((share, index) => share < given[index]!)
        if (given.length <= budget && hungry.length > 1) {
          expect(Math.max(...hungry) - Math.min(...hungry)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
