import { expect, test } from 'vitest'
import { createCountedWindows } from './counted-windows.ts'

test('a window begins with the first request and ends after its time', () => {
  const windows = createCountedWindows(60_000, 10)
  expect(windows.find('a', 1_000)).toBeUndefined()
  const window = windows.at('a', 1_000)
  expect(window).toEqual({ count: 0, unsettled: 0, endsAtMs: 61_000 })
  window.count = 5
  expect(windows.at('a', 60_999)).toBe(window)
  expect(windows.find('a', 60_999)).toBe(window)
  expect(windows.find('a', 61_000)).toBeUndefined()
  expect(windows.at('a', 61_000)).toEqual({ count: 0, unsettled: 0, endsAtMs: 121_000 })
})

test('a clock that is set back leaves no window that never ends', () => {
  const windows = createCountedWindows(60_000, 10)
  windows.at('a', 3_600_000).count = 5
  expect(windows.find('a', 3_599_000)?.count).toBe(5)
  expect(windows.find('a', 0)).toBeUndefined()
  expect(windows.at('a', 0)).toEqual({ count: 0, unsettled: 0, endsAtMs: 60_000 })
})

test('windows that are over are forgotten, and beyond the bound those that began first', () => {
  const windows = createCountedWindows(60_000, 3)
  const count = (subject: string, nowMs: number) => {
    windows.at(subject, nowMs).count += 1
  }
  for (const [nowMs, subject] of ['a', 'b', 'c', 'a', 'd'].entries()) count(subject, nowMs)
  expect(['a', 'b', 'c', 'd'].map((subject) => windows.find(subject, 5)?.count)).toEqual([undefined, 1, 1, 1])
  count('e', 60_002)
  expect(['b', 'c', 'd', 'e'].map((subject) => windows.find(subject, 60_002)?.count)).toEqual([
    undefined,
    undefined,
    1,
    1,
  ])
})
