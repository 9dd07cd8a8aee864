import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRetryAfter } from './retry-after.ts'

const now = new Date('2025-06-01T08:00:00Z')

test.each([
  ['0', 0],
  ['120', 120],
  [' 120 ', 120],
  ['007', 7],
  ['Sun, 01 Jun 2025 08:02:00 GMT', 120],
  ['Sunday, 01-Jun-25 08:02:00 GMT', 120],
  ['Sun Jun  1 08:02:00 2025', 120],
  ['Sun, 01 Jun 2025 07:00:00 GMT', 0],
])('%s is %i s', (value, seconds) => {
  expect(parseRetryAfter(value, now)).toBe(seconds)
})

test.each([
  undefined,
  '',
  ' ',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'soon',
  '12 seconds',
  '2025-06-01',
  'Sun, 99 Jun 2025 08:02:00 GMT',
  'Sun, 01 Foo 2025 08:02:00 GMT',
])('%s is nothing', (value) => {
  expect(parseRetryAfter(value, now)).toBeNull()
})

test('seconds come back as they are, dates as the seconds until then', () => {
  const seconds = fc.integer({ min: 0, max: 10_000_000 })
  fc.assert(
    fc.property(seconds, (n) => {
      const date = new Date(now.getTime() + n * 1_000).toUTCString()
      return parseRetryAfter(String(n), now) === n && parseRetryAfter(date, now) === n
    }),
  )
})

test('is a whole number from 0 up, or null, for any text', () => {
  const digits = fc.stringMatching(/^\d{1,400}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), digits), (text) => {
      const seconds = parseRetryAfter(text, now)
      return seconds === null || (Number.isSafeInteger(seconds) && seconds >= 0)
    }),
  )
})
