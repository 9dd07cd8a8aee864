import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPushOrigins, type PushOrigin } from './push-origins.ts'

const never = 1_000_000

const openOrigin = (concurrency: number) =>
  createPushOrigins({ concurrency, quietMs: never, slowMs: never })('https://push.example.com')

/** Takes a place for one push after the other, as long as there are any, and gives each back in a later turn of the loop. */
async function sendPage(origin: PushOrigin, page: string, pushes: number, order: string[]): Promise<void> {
  for (let i = 0; i < pushes; i++) {
    expect(await origin.enter({ appId: page[0]!, sinceMs: performance.now() })).toBe(true)
    order.push(page)
    void setImmediate().then(() => origin.leave())
  }
}

/** The pages that got the places, in order: `a1:3` is page 1 of app `a` with 3 pushes. All begin at once. */
async function entered(concurrency: number, pages: string): Promise<string> {
  const origin = openOrigin(concurrency)
  const order: string[] = []
  const sent = pages.split(' ').map((page) => {
    const [name, pushes] = page.split(':')
    return sendPage(origin, name!, Number(pushes), order)
  })
  await Promise.all(sent)
  return order.join(' ')
}

test.each([
  ['the pages of an app take turns', 1, 'a1:3 a2:3', 'a1 a2 a1 a2 a1 a2'],
  ['a page of one push waits for one of each other page', 1, 'a1:4 a2:4 a3:1', 'a1 a2 a3 a1 a2 a1 a2 a1 a2'],
  ['apps take turns, however many pages each has', 1, 'a1:2 a2:2 a3:2 b1:3', 'a1 a2 b1 a3 b1 a1 b1 a2 a3'],
  ['an app of one push waits for one of each other app', 1, 'a1:3 b1:3 c1:1', 'a1 b1 c1 a1 b1 a1 b1'],
  ['so do those that wait for several places', 2, 'a1:3 a2:3 b1:2', 'a1 a2 b1 a1 b1 a2 a1 a2'],
])('%s', async (_, concurrency, pages, order) => {
  expect(await entered(concurrency, pages)).toBe(order)
})

test('whoever comes while others wait goes behind those of its app', async () => {
  const origin = openOrigin(1)
  const order: string[] = []
  await origin.enter({ appId: 'a', sinceMs: 0 })
  const pages = ['a1', 'a2', 'b1'].map((page) => sendPage(origin, page, 1, order))
  await setImmediate()
  expect(order).toEqual([])
  origin.leave()
  await Promise.all([...pages, sendPage(origin, 'a3', 1, order)])
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3'])
})

test('a throttled app waits, and a clock that is set back ends no wait later', () => {
  const origin = openOrigin(1)
  const later = 7_200_000_000
  const throttled = (afterSeconds: number, now: number) =>
    origin.note('a', { kind: 'retry', status: 429, afterSeconds, error: 'slow down' }, 0, now)
  throttled(3_600, later)
  expect(origin.withheld('a', later)).toMatchObject({ kind: 'deferred', afterSeconds: 3_600 })
  expect(origin.withheld('b', later)).toBeNull()
  expect(origin.withheld('a', 7_000_000)).toBeNull()
  throttled(60, 7_000_000)
  expect(origin.withheld('a', 7_000_000)).toMatchObject({ kind: 'deferred', afterSeconds: 60 })
  expect(origin.withheld('a', 7_060_000)).toBeNull()
})
