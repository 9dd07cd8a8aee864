import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isInTime, nextDelaySeconds, timeLeft } from './push-lifetime.ts'

const day = 86_400

describe('the time that is left', () => {
  test.each([
    ['of the time to live', 60, day, 10, { seconds: 50, reason: 'expired' }],
    ['of the limit of the install', 28 * day, day, 10, { seconds: day - 10, reason: 'unreachable' }],
    ['after it is over', 60, day, 61, { seconds: -1, reason: 'expired' }],
  ])('%s', (_, ttl, maxAge, age, left) => {
    expect(timeLeft(ttl, maxAge, age)).toEqual(left)
  })

  test.each([
    ['a first attempt', 60, 1, 59.9, true],
    ['a first attempt after a stop of the service', 60, 1, 60, false],
    ['a first attempt after the limit of the install', 28 * day, 1, day, true],
    ['now or never', 0, 1, 29, true],
    ['now or never, too late', 0, 1, 30, false],
    ['now or never, again', 0, 2, 0.1, false],
    ['a later attempt', 60, 2, 59.9, true],
    ['a later attempt after a stop of the service', 60, 2, 60, false],
    ['a later attempt within the limit of the install', 28 * day, 2, day - 0.1, true],
    ['a later attempt after the limit of the install', 28 * day, 2, day, false],
  ])('%s', (_, ttl, attempt, age, expected) => {
    expect(isInTime(ttl, day, attempt, age)).toBe(expected)
  })
})

describe('the wait for the next attempt', () => {
  test.each([
    [1, 5],
    [2, 10],
    [3, 20],
    [8, 640],
    [9, 900],
    [100, 900],
  ])('after attempt %i is %i s, 20 %% more or less', (attempt, seconds) => {
    expect(nextDelaySeconds(attempt, null, day, 0.5)).toBeCloseTo(seconds)
    expect(nextDelaySeconds(attempt, null, day, 0)).toBeCloseTo(seconds * 0.8)
    expect(nextDelaySeconds(attempt, null, day, 1)).toBeCloseTo(seconds * 1.2)
  })

  test('is what the push service asks for, in steps of 5 s', () => {
    expect(nextDelaySeconds(1, 12, day, 0.5)).toBe(15)
    expect(nextDelaySeconds(5, 3_600, day, 0.5)).toBe(3_600)
    expect(nextDelaySeconds(null, 12, day, 0.5)).toBe(15)
    expect(nextDelaySeconds(null, 0, day, 0.5)).toBe(0)
    expect(nextDelaySeconds(null, 0, 0, 0.5)).toBeNull()
  })

  test('is no shorter because the push service asks for less', () => {
    expect(nextDelaySeconds(5, 12, day, 0.5)).toBe(80)
    expect(nextDelaySeconds(9, 1, 60, 0.5)).toBe(59)
    expect(nextDelaySeconds(9, 60, 60.5, 0.5)).toBe(60)
  })

  test('ends just before the time is over, for a last attempt', () => {
    expect(nextDelaySeconds(5, null, 60, 0.5)).toBe(59)
    expect(nextDelaySeconds(5, null, 6, 0.5)).toBeNull()
  })

  test('is never beyond the time that is left', () => {
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: 1, max: 50 })),
        fc.option(fc.nat(10_000)),
        fc.integer({ min: -100, max: day }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, after, left, random) => {
          const delay = nextDelaySeconds(attempt, after, left, random)
          if (delay === null) return
          expect(delay).toBeLessThan(left)
          expect(delay).toBeGreaterThanOrEqual(after ?? 0)
        },
      ),
    )
  })
})
