import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findExcess } from './json-size.ts'

test('agrees with what JSON.stringify makes of any value, to the byte', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = Buffer.byteLength(JSON.stringify(value))
      expect(findExcess(value, bytes, Number.POSITIVE_INFINITY)).toBeUndefined()
      expect(findExcess(value, bytes - 1, Number.POSITIVE_INFINITY)).toBe('bytes')
    }),
  )
})

test('tells what is too deep from what is too long, and looks at no more than that takes', () => {
  const nest = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
  expect(findExcess(nest(100), 1_000, 100)).toBeUndefined()
  expect(findExcess(nest(101), 1_000, 100)).toBe('levels')
  expect(findExcess(nest(100_000), 1_000, 100)).toBe('levels')
  expect(findExcess({ a: nest(100) }, 1_000, 100)).toBe('levels')
  expect(findExcess(Array(1_000_000).fill(0), 8_192, 100)).toBe('bytes')
  expect(findExcess('x'.repeat(1_000_000), 8_192, 100)).toBe('bytes')
  let looks = 0
  const many = new Proxy(Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`key${n}`, n])), {
    get: (target, name) => {
      looks++
      return Reflect.get(target, name)
    },
  })
  expect(findExcess(many, 1_000, 100)).toBe('bytes')
  expect(looks).toBeLessThan(100)
})
