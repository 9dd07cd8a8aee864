import { expect, test } from 'vitest'
import { audienceShift } from './audience-shift.ts'

test.each([
  { expected: 3, found: 3, skipped: 0, added: 0 },
  { expected: 3, found: 1, skipped: 2, added: 0 },
  { expected: 3, found: 0, skipped: 3, added: 0 },
  { expected: 3, found: 5, skipped: 0, added: 2 },
  { expected: null, found: 5, skipped: 0, added: 0 },
])('cut for $expected, sent to $found: $skipped left, $added came', ({ expected, found, ...shift }) => {
  expect(audienceShift(expected, found)).toEqual(shift)
})
