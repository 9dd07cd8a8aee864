import { describe, expect, test } from 'vitest'
import { createSlots } from './slots.ts'

describe('slots', () => {
  test('a key has its limit and no more, whatever other keys have taken', () => {
    const slots = createSlots(2, 1)
    slots.take('a')
    slots.take('a')
    expect(slots.hasRoom('a')).toBe(false)
    expect(slots.hasRoom('b')).toBe(true)
    expect(slots.full()).toEqual(['a'])
    slots.give('a', null)
    expect(slots.hasRoom('a')).toBe(true)
  })

  test('a receiver that hangs is soon down to one at a time', () => {
    const slots = createSlots(64, 1)
    for (let taken = 0; taken < 64; taken += 1) slots.take('a')
    for (let given = 0; given < 64; given += 1) slots.give('a', performance.now())
    expect(slots.isStruggling('a')).toBe(true)
    slots.take('b')
    expect(slots.struggling()).toEqual(['a'])
    slots.take('a')
    expect(slots.hasRoom('a')).toBe(false)
  })

  test('a receiver that answers again has its limit back', () => {
    const slots = createSlots(4, 1)
    slots.take('a')
    slots.give('a', performance.now())
    expect(slots.isStruggling('a')).toBe(true)
    for (let answers = 0; answers < 2; answers += 1) {
      slots.take('a')
      slots.give('a', null)
    }
    expect(slots.isStruggling('a')).toBe(false)
  })

  test('an attempt that hangs while others are answered cuts nothing', () => {
    const clock = { ms: 0 }
    const slots = createSlots(4, 1, () => clock.ms)
    slots.take('a')
    slots.take('a')
    clock.ms = 10
    slots.give('a', null)
    slots.give('a', 0)
    expect(slots.isStruggling('a')).toBe(false)
    slots.take('a')
    slots.give('a', 11)
    expect(slots.isStruggling('a')).toBe(true)
  })

  test('a key is stalled once it has had no room for a second, and whenever it has none in the minute after', () => {
    const clock = { ms: 0 }
    const slots = createSlots(2, 1, () => clock.ms)
    slots.take('a')
    clock.ms = 1_000
    slots.take('a')
    expect(slots.isStalled('a')).toBe(false)
    clock.ms = 2_001
    expect(slots.isStalled('a')).toBe(true)
    expect(slots.isStalled('b')).toBe(false)
    slots.give('a', null)
    expect(slots.isStalled('a')).toBe(false)
    slots.take('a')
    expect(slots.isStalled('a')).toBe(true)
    clock.ms = 70_000
    slots.give('a', null)
    slots.take('a')
    expect(slots.isStalled('a')).toBe(false)
  })
})
