import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PendingDelivery } from '../pending-delivery.ts'
import { chooseDeliveries } from './choose-deliveries.ts'
import {
  createLane,
  type Lane,
  type LaneSettings,
  noteAttempted,
  noteRecorded,
  noteTooLarge,
  roomOf,
} from './lane.ts'

const now = 1_000_000
const settings: LaneSettings = { host: 'a', rateLimit: null, maxInFlight: null, batch: null, ordered: null }

function laneWith(own: Partial<LaneSettings>): Lane {
  return { ...createLane('app', 'webhook'), settings: { ...settings, ...own } }
}

/** @param dueIn milliseconds from now */
function pending(id: string, dueIn = 0, orderKey: string | null = null, bytes = 10): PendingDelivery {
  return {
    appId: 'app',
    id,
    webhookId: 'webhook',
    generation: 0,
    attemptCount: 0,
    nextAttemptAt: new Date(now + dueIn),
    eventId: `e-${id}`,
    eventType: 'notification.sent',
    body: 'x'.repeat(bytes),
    orderKey,
    isCanceled: false,
  }
}

const choose = (lane: Lane, deliveries: PendingDelivery[], requests = 10, more = false) => {
  const { groups, nextAtMs } = chooseDeliveries(lane, deliveries, requests, more, now)
  return { ids: groups.map((group) => group.map(({ id }) => id).join('')), inMs: nextAtMs - now }
}

describe('one by one', () => {
  test.each([
    ['what is due goes, what is not says when', [pending('a'), pending('b', 50)], 10, false, ['a'], 50],
    ['what has no room is due all the same', [pending('a'), pending('b')], 1, false, ['a'], 0],
    ['there may be more than was read', [pending('a'), pending('b')], 10, true, ['a', 'b'], 0],
    ['nothing is left', [pending('a')], 10, false, ['a'], Number.POSITIVE_INFINITY],
  ])('%s', (_, deliveries, requests, more, ids, inMs) => {
    expect(choose(laneWith({}), deliveries, requests, more)).toEqual({ ids, inMs })
  })
})

describe('in batches', () => {
  const batch = { max_events: 3, max_wait_ms: 100 }

  test('a full one goes at once, the rest when its oldest has waited', () => {
    const deliveries = ['a', 'b', 'c', 'd'].map((id) => pending(id, -30))
    expect(choose(laneWith({ batch }), deliveries.slice(0, 2))).toEqual({ ids: [], inMs: 70 })
    expect(choose(laneWith({ batch }), [...deliveries.slice(0, 3), pending('z', -10)])).toEqual({
      ids: ['abc'],
      inMs: 90,
    })
    expect(choose(laneWith({ batch }), [pending('a', -100), pending('b')]).ids).toEqual(['ab'])
  })

  test('one that is full sends off none that became due with it', () => {
    const deliveries = ['a', 'b', 'c', 'd'].map((id) => pending(id))
    expect(choose(laneWith({ batch }), deliveries)).toEqual({ ids: ['abc'], inMs: 100 })
  })

  test('what does not fit by its bytes goes right after', () => {
    const lane = laneWith({ batch: { ...batch, max_bytes: 30 } })
    expect(
      choose(
        lane,
        ['a', 'b', 'c'].map((id) => pending(id)),
      ),
    ).toEqual({ ids: ['ab', 'c'], inMs: Number.POSITIVE_INFINITY })
  })

  test('what a receiver found too large goes again in smaller ones, without a wait', () => {
    const lane = laneWith({ batch })
    expect(
      choose(
        lane,
        ['a', 'b', 'c'].map((id) => pending(id)),
      ).ids,
    ).toEqual(['abc'])
    noteTooLarge(lane, 20, now)
    expect(
      choose(
        lane,
        ['a', 'b', 'c'].map((id) => pending(id)),
      ).ids,
    ).toEqual(['a', 'b', 'c'])
    expect(choose(lane, [pending('c')]).ids).toEqual(['c'])
  })
})

describe('in order', () => {
  test('all: a run of the first ones, which ends before one that waits for its retry', () => {
    const lane = laneWith({ ordered: 'all' })
    expect(choose(lane, [pending('a'), pending('b')], 1).ids).toEqual(['a'])
    lane.runLength = 3
    expect(
      choose(
        lane,
        ['a', 'b', 'c', 'd'].map((id) => pending(id)),
        1,
      ).ids,
    ).toEqual(['abc'])
    expect(choose(lane, [pending('a'), pending('b', 500), pending('c')], 1, true)).toEqual({
      ids: ['a'],
      inMs: 500,
    })
    expect(choose(lane, [pending('a', 500), pending('b')], 1, true)).toEqual({ ids: [], inMs: 500 })
  })

  test('for each subscriber: the first of each, others wait for those of their own only', () => {
    const lane = laneWith({ ordered: 'subscriber_id' })
    const deliveries = [
      pending('a', 0, 's1'),
      pending('b', 0, 's1'),
      pending('c', 300, 's2'),
      pending('d', 0, 's2'),
      pending('e', 0, 's3'),
    ]
    expect(choose(lane, deliveries)).toEqual({ ids: ['a', 'e'], inMs: 300 })
    expect([...lane.waitingKeys]).toEqual([['s2', now + 300]])
    expect(choose(lane, deliveries, 10, true).inMs).toBe(0)
    lane.runLength = 2
    expect(choose(lane, deliveries).ids).toEqual(['ab', 'e'])
    lane.blocking.set('a', 's1')
    expect(choose(lane, deliveries.slice(1)).ids).toEqual(['e'])
  })

  test.each([
    ['all', () => ''],
    ['subscriber_id', ({ orderKey }: PendingDelivery) => orderKey ?? ''],
  ] as const)(
    '%s: whatever fails and whenever it is recorded, none passes an earlier one',
    (ordered, keyOf) => {
      const event = fc.record({
        orderKey: fc.constantFrom(null, 's1', 's2'),
        // How often it fails before it succeeds, or ends as failed.
        failures: fc.constantFrom(0, 0, 0, 1, 2),
        endsAs: fc.constantFrom('succeeded', 'failed'),
      })
      fc.assert(
        fc.property(fc.array(event, { maxLength: 12 }), fc.infiniteStream(fc.nat(9)), (events, choices) => {
          const lane = laneWith({ ordered })
          const chance = (of: number) => choices.next().value! % of
          const all = events.map((_, n) => n)
          const tries = all.map(() => 0)
          const dueAtMs = all.map(() => now)
          const [delivered, ended] = [new Set<number>(), new Set<number>()]
          const toRecord: { n: number; ends: boolean }[] = []
          const toPending = (n: number) => ({
            ...pending(String(n), 0, events[n]!.orderKey),
            nextAttemptAt: new Date(dueAtMs[n]!),
          })
          const keyAt = (n: number) => keyOf(toPending(n))
          /** @returns whether it succeeded */
          const attempt = (n: number): boolean => {
            const earlier = all.filter((m) => m < n && keyAt(m) === keyAt(n))
            expect(earlier.filter((m) => !delivered.has(m) && !ended.has(m))).toEqual([])
            lane.underWay.add(String(n))
            lane.blocking.set(String(n), toPending(n).orderKey ?? '')
            tries[n]! += 1
            const fails = tries[n]! <= events[n]!.failures
            const isOver = !fails || (events[n]!.endsAs === 'failed' && tries[n] === events[n]!.failures)
            if (!fails) delivered.add(n)
            noteAttempted(lane, [{ id: String(n) }], !fails, 1, chance(5))
            toRecord.push({ n, ends: isOver })
            return !fails
          }
          let nowMs = now
          for (let steps = 0; ended.size < all.length; steps++) {
            expect(steps).toBeLessThan(500)
            nowMs += chance(3)
            for (const [key, at] of lane.waitingKeys) if (at <= nowMs) lane.waitingKeys.delete(key)
            const blocked = new Set([...lane.blocking.values(), ...lane.waitingKeys.keys()])
            const found = all
              .filter((n) => !ended.has(n) && !lane.underWay.has(String(n)))
              .map(toPending)
              .filter((one) => ordered === 'all' || !blocked.has(keyOf(one)))
            const { requests } = roomOf(lane, 2, 0, nowMs)
            const { groups } = chooseDeliveries(lane, found, requests, false, nowMs)
            // Results are recorded in their order, in transactions of any size.
            for (const group of groups) group.every(({ id }) => attempt(Number(id)))
            for (const { n, ends } of toRecord.splice(0, chance(4))) {
              if (ends) ended.add(n)
              else dueAtMs[n] = nowMs + chance(4)
              noteRecorded(lane, String(n), ends ? null : dueAtMs[n]!, nowMs)
            }
          }
        }),
      )
    },
  )
})
