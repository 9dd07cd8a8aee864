import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRequest, freeRate, isRateInUse } from './rate.ts'

test('after a rest, 0.1 s of the rate may start at once, and one request always', () => {
  expect(freeRate({ freeAtMs: 0 }, 100, 10_000)).toEqual({ requests: 10, againAtMs: 10_000 })
  expect(freeRate({ freeAtMs: 0 }, 2, 10_000)).toEqual({ requests: 1, againAtMs: 10_000 })
})

test('whoever comes again when told to may start one, and not before', () => {
  const state = { freeAtMs: 0 }
  addRequest(state, 2, 10_000)
  const { requests, againAtMs } = freeRate(state, 2, 10_000)
  expect({ requests, againAtMs }).toEqual({ requests: 0, againAtMs: 10_500 })
  expect(freeRate(state, 2, 10_499).requests).toBe(0)
  expect(freeRate(state, 2, 10_500).requests).toBe(1)
})

test('a clock that goes back holds nothing up', () => {
  const state = { freeAtMs: 0 }
  addRequest(state, 2, 7_200_000)
  expect(freeRate(state, 2, 10_000).requests).toBe(1)
  addRequest(state, 2, 10_000)
  expect([10_499, 10_500].map((now) => freeRate(state, 2, now).requests)).toEqual([0, 1])
})

test('a rate is in use until a burst may start again', () => {
  const state = { freeAtMs: 0 }
  expect(isRateInUse(state, 10_000)).toBe(false)
  addRequest(state, 2, 10_000)
  expect([10_000, 10_499, 10_500].map((now) => isRateInUse(state, now))).toEqual([true, true, false])
})

test('whatever the moments, no window has more requests than the rate and its burst', () => {
  const rates = fc.integer({ min: 1, max: 1_000 })
  const steps = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 100 })
  fc.assert(
    fc.property(rates, steps, (perSecond, pauses) => {
      const state = { freeAtMs: 0 }
      const startedAt: number[] = []
      let now = 1_000_000
      for (const pause of pauses) {
        now += pause
        const { requests } = freeRate(state, perSecond, now)
        for (let n = 0; n < requests; n++) {
          addRequest(state, perSecond, now)
          startedAt.push(now)
        }
      }
      const burst = Math.max(0.1 * perSecond, 1)
      for (const [index, from] of startedAt.entries()) {
        const count = startedAt.length - index
        const seconds = (startedAt.at(-1)! - from) / 1_000
        expect(count).toBeLessThanOrEqual(Math.ceil(perSecond * seconds + burst) + 1)
      }
    }),
  )
})
