import { expect, test } from 'vitest'
import { z } from 'zod'
import { ignoredFields, toHeader } from './ignored-fields.ts'

const schema = z.object({
  name: z.string(),
  keys: z.object({ auth: z.string() }).nullish(),
  actions: z
    .array(z.object({ title: z.string() }))
    .max(10)
    .default([]),
  free: z.record(z.string(), z.unknown()).optional(),
  loose: z.looseObject({ ttl: z.int() }).optional(),
  targeting: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('all') }),
      z.object({ type: z.literal('tags'), tags: z.array(z.string()) }),
    ])
    .optional(),
  either: z.union([z.object({ a: z.string() }), z.object({ b: z.string() }), z.string()]).optional(),
  changed: z
    .object({ a: z.string() })
    .transform(({ a }) => a)
    .optional(),
  checked: z.preprocess((value) => value, z.object({ a: z.string() })).optional(),
})

test.each<[unknown, string[]]>([
  [{ name: 'A' }, []],
  [{ nam: 'A', name: 'B', other: { deep: 1 } }, ['nam', 'other']],
  [{ keys: { auth: 'a', foo: 1 } }, ['keys.foo']],
  [{ keys: null, actions: null }, []],
  [{ actions: [{ title: 'a' }, { title: 'b', icon: 'c' }] }, ['actions.1.icon']],
  [{ free: { a: 1 }, loose: { ttl: 1, b: 2 } }, []],
  [{ targeting: { type: 'all', tags: ['a'] } }, ['targeting.tags']],
  [{ targeting: { type: 'tags', tags: ['a'], mach: 'all' } }, ['targeting.mach']],
  [{ targeting: { type: 'unknown', tags: ['a'] } }, []],
  [{ either: { a: 'x', c: 'y' } }, []],
  [{ changed: { a: 'x', b: 1 }, checked: { a: 'x', b: 1 } }, ['changed.b', 'checked.b']],
  [{ constructor: 1, toString: 2 }, ['constructor', 'toString']],
  ['text', []],
  [[{ foo: 1 }], []],
  [null, []],
])('%j', (value, names) => {
  expect([...ignoredFields(schema, value)]).toEqual(names)
})

test('without a schema everything is ignored', () => {
  expect([...ignoredFields(undefined, { a: 1, b: 2 })]).toEqual(['a', 'b'])
  expect([...ignoredFields(undefined, undefined)]).toEqual([])
})

test.each<[string[], string | undefined]>([
  [[], undefined],
  [['targetting'], 'targetting'],
  [['targetting', 'keys.foo'], 'targetting, keys.foo'],
  [['a b', 'ü', 'x\r\ny: z', '\ud800'], 'a%20b, %C3%BC, x%0D%0Ay%3A%20z, %EF%BF%BD'],
  [['x'.repeat(1_000)], '...'],
  [['fine', 'x'.repeat(1_000)], 'fine, ...'],
])('%j as a header', (names, header) => {
  expect(toHeader(names)).toBe(header)
})

test('a header is short however many names there are, and no more of them are looked at', () => {
  let asked = 0
  function* endless() {
    for (;;) yield `field${asked++}`
  }
  const header = toHeader(endless())
  expect(header!.length).toBeLessThanOrEqual(200)
  expect(header).toMatch(/^field0, field1, .*, \.\.\.$/)
  expect(asked).toBeLessThan(50)
})
