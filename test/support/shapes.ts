import { expect } from 'vitest'
import type { Shape } from '../../src/platform/http/answers.ts'

/** The field names of a thing in their order, those of objects in it too, but for those that users fill. */
function outline(thing: object): unknown[] {
  const free = [
    'settings',
    'metadata',
    'data',
    'body',
    'targeting',
    'platform_overrides',
    'headers',
    'filter',
    'request_headers',
  ]
  return Object.entries(thing).map(([name, value]) => {
    const nested =
      value !== null && typeof value === 'object' && !Array.isArray(value) && !free.includes(name)
    return nested ? [name, outline(value)] : name
  })
}

/** That an answer is as its description says, field by field and in its order. */
export function expectShape(thing: object, shape: Shape): void {
  expect(shape.schema.parse(thing)).toEqual(thing)
  expect(outline(thing)).toEqual(outline(shape.example as object))
}
