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
  ['1.5', 2],
  ['0.001', 1],
  ['2.0', 2],
  ['Sun, 01 Jun 2025 08:01:60 GMT', 120],
  ['Tuesday, 01-Jun-75 08:00:00 GMT', (Date.UTC(2075, 5, 1, 8) - now.getTime()) / 1_000],
  ['Wednesday, 01-Jun-77 08:00:00 GMT', 0],
  ['5, 120', 120],
  ['Sun, 01 Jun 2025 08:02:00 GMT, Sun, 01 Jun 2025 08:01:00 GMT', 120],
  ['10, Sunday, 01-Jun-25 08:02:00 GMT', 120],
  ['soon, 120', 120],
])('%s is %i s', (value, seconds) => {
  expect(parseRetryAfter(value, now)).toBe(seconds)
})

test.each([
  undefined,
  '',
  ' ',
  '-1',
  '1.',
  '.5',
  '1.5.2',
  '1e3',
  '0x10',
  'soon',
  '12 seconds',
  '2025-06-01',
  'Sun, 99 Jun 2025 08:02:00 GMT',
  'Sun, 01 Foo 2025 08:02:00 GMT',
  'Sun, 31 Jun 2025 08:02:00 GMT',
  'Sun, 01 Jun 2025 24:02:00 GMT',
  'Sun, 01 Jun 2025 08:02:00',
])('%s is nothing', (value) => {
  expect(parseRetryAfter(value, now)).toBeNull()
})

test('of repeated headers the longest wait counts', () => {
  expect(parseRetryAfter(['3', 'Sun, 01 Jun 2025 08:02:00 GMT', '7'], now)).toBe(120)
  expect(parseRetryAfter(['soon', '7'], now)).toBe(7)
  expect(parseRetryAfter([], now)).toBeNull()
  expect(parseRetryAfter(['soon', 'later'], now)).toBeNull()
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
