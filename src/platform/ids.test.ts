import { expect, test } from 'vitest'
import { momentOfId, newId, parseId } from './ids.ts'

test('a new id is a UUIDv7 of this moment, unlike any other', () => {
  const before = Date.now()
  const ids = Array.from({ length: 1_000 }, newId)
  const after = Date.now()
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(momentOfId(id).getTime()).toBeGreaterThanOrEqual(before)
    expect(momentOfId(id).getTime()).toBeLessThanOrEqual(after)
  }
  expect(new Set(ids).size).toBe(ids.length)
})

test('an id in a request is compared in lower case', () => {
  const id = newId()
  expect(parseId(id.toUpperCase())).toBe(id)
  expect(parseId('nothing')).toBeUndefined()
})
