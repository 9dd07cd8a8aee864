import { describe, expect, test } from 'vitest'
import { rankOf } from '../notifications/rank.ts'
import {
  choosePages,
  createSendingLane,
  isBusy,
  isIdle,
  keysTaken,
  noteDue,
  noteFailed,
} from './sending-lane.ts'

const now = 1_000_000
const infinite = Number.POSITIVE_INFINITY
const none = { small: false, large: false }

/** @param dueIn milliseconds from now */
const candidate = (key: string, rank: number, dueIn = 0) => ({ key, rank, dueAt: new Date(now + dueIn) })
const small = rankOf('normal', true)
const large = rankOf('normal', false)

function choose(
  candidates: ReturnType<typeof candidate>[],
  room = { small: 10, large: 10 },
  mayHaveMore = none,
  lane = createSendingLane('app'),
) {
  const keys = choosePages(lane, candidates, room, mayHaveMore, now).map(({ key }) => key)
  return { keys, small: lane.dueAtMs.small - now, large: lane.dueAtMs.large - now }
}

describe('what of a lane goes now', () => {
  test('small audiences and pages of large ones have rooms of their own', () => {
    const read = [candidate('a', large), candidate('b', large), candidate('c', small), candidate('d', small)]
    expect(choose(read, { small: 1, large: 1 })).toEqual({ keys: ['c', 'a'], small: 0, large: 0 })
  })

  test('within each, the higher priority first', () => {
    const read = [
      candidate('low', rankOf('low', true)),
      candidate('normal', small),
      candidate('high', rankOf('high', true)),
    ]
    expect(choose(read, { small: 2, large: 0 }).keys).toEqual(['high', 'normal'])
  })

  test('what comes later says when', () => {
    const read = [candidate('a', small), candidate('b', small, 300), candidate('c', large, 200)]
    expect(choose(read)).toEqual({ keys: ['a'], small: 300, large: 200 })
  })

  test('there may be more than was read', () => {
    expect(choose([candidate('a', small)], undefined, { small: true, large: false })).toEqual({
      keys: ['a'],
      small: 0,
      large: infinite,
    })
  })

  test('neither what is under way is read, nor what has failed of a fault of ours', () => {
    const lane = createSendingLane('app')
    lane.underWay.small.add('a')
    lane.underWay.large.add('b')
    noteFailed(lane, 'small', 'c', now)
    noteFailed(lane, 'small', 'd', now - 10_000)
    expect(keysTaken(lane, now)).toEqual(['a', 'b', 'c'])
  })
})

test('what fails again and again is left alone for longer', () => {
  const lane = createSendingLane('app')
  const pauses = Array.from({ length: 6 }, () => noteFailed(lane, 'large', 'a', now))
  expect(pauses).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 160_000])
  expect(lane.dueAtMs.large).toBe(now + 10_000)
  expect(keysTaken(lane, now + 159_999)).toEqual(['a'])
  expect(keysTaken(lane, now + 160_000)).toEqual([])
})

test.each([
  ['nothing is due', () => createSendingLane('app'), { busy: false, idle: true }],
  ['something is due', withDue, { busy: false, idle: false }],
  ['something is under way', withWork, { busy: true, idle: true }],
])('a lane in which %s', (_, make, expected) => {
  expect({ busy: isBusy(make()), idle: isIdle(make()) }).toEqual(expected)
})

function withDue() {
  const lane = createSendingLane('app')
  noteDue(lane, 'large', now)
  return lane
}

function withWork() {
  const lane = createSendingLane('app')
  lane.underWay.large.add('a')
  return lane
}
