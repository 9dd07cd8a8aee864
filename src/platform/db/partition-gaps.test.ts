import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findGaps, firstUncoveredMoment, type TimeRange } from './partition-gaps.ts'

const dayMs = 86_400_000
const day = (number: number) => new Date(number * dayMs)

/** Ranges that do not overlap, in their order: gaps and lengths in days, in turn. */
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 })), { maxLength: 8 })
  .map((pairs) => {
    let at = 0
    return pairs.map(([gap, length]): TimeRange => {
      const start = at + gap
      at = start + length
      return { start: day(start), end: day(at) }
    })
  })

test('gaps are filled, all of them, without overlapping what is there', () => {
  const moments = fc.tuple(fc.nat(60 * 24), fc.nat(30 * 24))
  fc.assert(
    fc.property(ranges, moments, fc.integer({ min: 1, max: 7 }), (known, [fromHour, hours], spanDays) => {
      const from = new Date((fromHour * dayMs) / 24)
      const until = new Date(from.getTime() + (hours * dayMs) / 24)
      const gaps = findGaps(known, from, until, spanDays)
      const all = [...known, ...gaps].sort((a, b) => a.start.getTime() - b.start.getTime())
      for (const [index, { start, end }] of all.entries()) {
        expect(start < end).toBe(true)
        if (index > 0) expect(start >= all[index - 1]!.end).toBe(true)
      }
      expect(firstUncoveredMoment(all, from) > until).toBe(true)
      for (const { start, end } of gaps) {
        expect(end.getTime() - start.getTime()).toBeLessThanOrEqual(spanDays * dayMs)
      }
    }),
  )
})

test('what is covered needs nothing, and ends where the first gap begins', () => {
  const known = [
    { start: day(1), end: day(3) },
    { start: day(3), end: day(5) },
    { start: day(6), end: day(8) },
  ]
  expect(findGaps(known, day(1), day(4), 2)).toEqual([])
  expect(findGaps(known, day(4), day(7), 9)).toEqual([{ start: day(5), end: day(6) }])
  expect([day(0), day(1), day(5), day(7)].map((from) => firstUncoveredMoment(known, from))).toEqual([
    day(0),
    day(5),
    day(5),
    day(8),
  ])
})
