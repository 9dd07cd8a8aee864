import { afterEach, expect, test, vi } from 'vitest'
import { newId } from '../../platform/ids.ts'
import type { EventFeed } from './event-feeds.ts'
import { startFollower } from './event-follower.ts'

afterEach(() => void vi.useRealTimers())

/** An app's log in memory. */
function makeLog() {
  const ids: string[] = []
  let generation = 0
  const feed: EventFeed = {
    generation: () => generation,
    readKeys: async (after) => ({
      keys: ids
        .filter((id) => id > after)
        .sort()
        .map((id) => ({ id, type: 'notification.sent' })),
      askedAtMs: Date.now(),
    }),
    readEvents: async (wanted) => wanted.map((id) => ({ id, type: 'notification.sent', body: '{}' })),
    wait: async () => {},
    close() {},
  }
  const publish = () => {
    const id = newId()
    ids.push(id)
    generation += 1
    return id
  }
  return { feed, publish }
}

test('a clock that is set back stops no stream, and repeats nothing', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const { feed, publish } = makeLog()
  const follower = await startFollower(feed, { after: undefined, types: undefined, sweepMs: 0 })
  const read = async () => (await follower.read()).map(({ id }) => id)
  const first = publish()
  expect(await read()).toEqual([first])
  vi.setSystemTime(Date.now() - 7_200_000)
  const second = publish()
  expect(await read()).toEqual([second])
  const third = publish()
  expect(await read()).toEqual([third])
  vi.setSystemTime(Date.now() + 60_000)
  const fourth = publish()
  expect(await read()).toEqual([fourth])
  expect(await read()).toEqual([])
})
