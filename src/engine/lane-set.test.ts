import { pino } from 'pino'
import { expect, test } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { ownAllLanes } from './lane-ownership.ts'
import { type LaneKind, startLanes } from './lane-set.ts'

interface TestLane {
  id: string
  dueAtMs: number
  isBusy: boolean
}

const notices = { areHeard: false, on() {}, stop() {} }

/** @param due lanes that are found in the database at the start */
function setUp(due: readonly string[], ownership = ownAllLanes()) {
  const sweeps: string[][] = []
  const turns: (() => Promise<void>)[] = []
  const kind: LaneKind<TestLane> = {
    name: 'test',
    gatherMs: 0,
    create: (_appId, id) => ({ id, dueAtMs: Number.POSITIVE_INFINITY, isBusy: false }),
    noteDue(lane, atMs) {
      lane.dueAtMs = Math.min(lane.dueAtMs, atMs)
    },
    isBusy: (lane) => lane.isBusy,
    isIdle: ({ dueAtMs }) => dueAtMs === Number.POSITIVE_INFINITY,
    discover: async () => due.map((laneId) => ({ appId: 'app', laneId, firstDueAt: new Date() })),
    async sweep(owned) {
      sweeps.push(owned.map(({ id }) => id))
      const [first] = owned
      const turn = turns.shift()
      if (!first || !turn) return Number.POSITIVE_INFINITY
      await lanes.serve([first.id], async () => {
        first.dueAtMs = Number.POSITIVE_INFINITY
        await turn()
      })
      return 0
    },
  }
  const lanes = startLanes<TestLane>(
    { clock: systemClock, random: Math.random, log: pino({ enabled: false }), lanes: ownership, notices },
    kind,
  )
  return { lanes, sweeps, turns }
}

test('a lane whose turn failed is due again, at the end of the line; one with nothing due is forgotten', async () => {
  const { lanes, sweeps, turns } = setUp(['a', 'b'])
  turns.push(async () => {
    throw new Error('the database is away')
  })
  turns.push(async () => {})
  await expect.poll(() => sweeps.length).toBe(3)
  expect(sweeps).toEqual([['a', 'b'], ['b', 'a'], ['a']])
  await lanes.stop(1_000, () => {})
})

test('a lane of another owner stays while it is busy, and is not swept', async () => {
  const owned = new Set(['a', 'b'])
  const ownership = { ...ownAllLanes(), owns: (laneId: string) => owned.has(laneId) }
  const { lanes, sweeps } = setUp(['a', 'b'], ownership)
  await expect.poll(() => sweeps.at(-1)).toEqual(['a', 'b'])
  const busy = lanes.get('a')!
  busy.isBusy = true
  owned.clear()
  lanes.wake()
  await expect.poll(() => sweeps.at(-1)).toEqual([])
  expect([lanes.get('a'), lanes.get('b')]).toEqual([busy, undefined])
  await lanes.stop(1_000, () => {})
})

test('stopping waits for work under way, and breaks it off when it takes too long', async () => {
  const { lanes } = setUp([])
  const work = Promise.withResolvers<void>()
  lanes.track(work.promise)
  await lanes.stop(10, work.resolve)
  expect(lanes.isStopping).toBe(true)
})
