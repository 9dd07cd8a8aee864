import { describe, expect, test } from 'vitest'
import { createSlots } from './slots.ts'

describe('slots', () => {
  test('a key has its limit and no more, whatever other keys have taken', () => {
    const slots = createSlots(2)
    slots.take('a')
    slots.take('a')
    expect(slots.hasRoom('a')).toBe(false)
    expect(slots.hasRoom('b')).toBe(true)
    expect(slots.full()).toEqual(['a'])
    slots.give('a', false)
    expect(slots.hasRoom('a')).toBe(true)
  })

  test('a receiver that hangs is soon down to one at a time', () => {
    const slots = createSlots(64)
    for (let taken = 0; taken < 64; taken += 1) slots.take('a')
    for (let given = 0; given < 64; given += 1) slots.give('a', true)
    expect(slots.isStruggling('a')).toBe(true)
    slots.take('a')
    expect(slots.hasRoom('a')).toBe(false)
  })

  test('a receiver that answers again has its limit back', () => {
    const slots = createSlots(4)
    slots.take('a')
    slots.give('a', true)
    expect(slots.isStruggling('a')).toBe(true)
    for (let answers = 0; answers < 2; answers += 1) {
      slots.take('a')
      slots.give('a', false)
    }
    expect(slots.isStruggling('a')).toBe(false)
  })
})
