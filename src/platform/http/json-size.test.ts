import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isWithinJsonBytes } from './json-size.ts'

test('agrees with what JSON.stringify makes of any value, to the byte', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = Buffer.byteLength(JSON.stringify(value))
      expect(isWithinJsonBytes(value, bytes)).toBe(true)
      expect(isWithinJsonBytes(value, bytes - 1)).toBe(false)
    }),
  )
})

test('takes no stack for depth, and no time for length', () => {
  const deep = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000))
  expect(isWithinJsonBytes(deep, 400_000)).toBe(true)
  expect(isWithinJsonBytes(deep, 399_999)).toBe(false)
  expect(isWithinJsonBytes(Array(1_000_000).fill(0), 8_192)).toBe(false)
  expect(isWithinJsonBytes('x'.repeat(1_000_000), 8_192)).toBe(false)
})
