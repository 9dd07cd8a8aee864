import { expect, test } from 'vitest'
import { remainingTtl } from './message.ts'

const startedAt = new Date('2025-06-01T08:00:00Z')

test.each([
  [60, 10.2, 50],
  [60, 60, 0],
  [60, 100, 0],
  [0, 0.5, 0],
  // The clock of the process that accepted it is ahead.
  [2_419_200, -0.1, 2_419_200],
])('a time to live of %i s has %f s later %i s left', (ttl, age, left) => {
  const content = { platform_overrides: { web: { ttl } } }
  const message = { id: '', appId: '', title: '', content, appSettings: {}, startedAt }
  expect(remainingTtl(message, new Date(startedAt.getTime() + age * 1_000))).toBe(left)
})
