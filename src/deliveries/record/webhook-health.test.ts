import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nextHealth, reasonToDisable } from './webhook-health.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000)
const fine = { failureCount: 0, failingSince: null }
const failures = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ succeeded: false, gone: false, at: at(from + index) }))

describe('nextHealth', () => {
  test('counts the failures since the last success, however they are cut into transactions', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.nat(), (results, cut) => {
        const samples = results.map((succeeded, index) => ({ succeeded, gone: false, at: at(index) }))
        const middle = results.length === 0 ? 0 : cut % results.length
        const whole = nextHealth(fine, samples)
        const parts = nextHealth(nextHealth(fine, samples.slice(0, middle)), samples.slice(middle))
        const trailing = results.length - 1 - results.lastIndexOf(true)
        expect(whole.failureCount).toBe(trailing)
        expect(whole.failingSince).toEqual(trailing > 0 ? at(results.length - trailing) : null)
        expect(parts).toEqual(whole)
      }),
    )
  })
})

describe('reasonToDisable', () => {
  test('ten failures that have lasted an hour', () => {
    const samples = failures(10)
    const health = nextHealth(fine, samples)
    expect(reasonToDisable(health, samples, 3_600, at(3_600))).toContain('10 attempts in a row failed')
  })

  test('ten failures within the hour are a restart, not a dead receiver', () => {
    const samples = failures(10)
    expect(reasonToDisable(nextHealth(fine, samples), samples, 3_600, at(3_599))).toBeNull()
  })

  test('nine failures never disable, however long ago they began', () => {
    const samples = failures(9)
    expect(reasonToDisable(nextHealth(fine, samples), samples, 3_600, at(1_000_000))).toBeNull()
  })

  test('410 Gone disables at once', () => {
    const samples = [{ succeeded: false, gone: true, at: at(0) }]
    expect(reasonToDisable(nextHealth(fine, samples), samples, 3_600, at(0))).toContain('410')
  })
})
