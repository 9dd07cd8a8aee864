import { expect, test } from 'vitest'
import { z } from 'zod'
import { bounded, jsonObject } from './fields.ts'

const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`key${n}`, n]))

test.each([
  ['an object of free fields', jsonObject(1_000)],
  ['an object with some known fields', bounded(1_000, z.looseObject({ key7: z.int().optional() }))],
])('the size of %s is checked before its entries', (_, schema) => {
  let looks = 0
  const counted = new Proxy(many, {
    get(target, name) {
      looks++
      return Reflect.get(target, name)
    },
  })
  const { error } = z.object({ field: schema }).safeParse({ field: counted })
  expect(error!.issues).toMatchObject([{ path: ['field'], message: 'must be at most 1000 bytes of JSON' }])
  expect(looks).toBeLessThan(150)
})

test('what fits is taken as it is', () => {
  const schema = z.object({ field: jsonObject(1_000).nullish() })
  for (const body of [{}, { field: null }, { field: {} }, { field: { a: [1, { b: null }] } }]) {
    expect(schema.parse(body)).toEqual(body)
  }
  expect(schema.safeParse({ field: [] }).success).toBe(false)
})
