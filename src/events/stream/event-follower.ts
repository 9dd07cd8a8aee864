import { firstIdOf, momentOfId, newId } from '../../platform/ids.ts'
import type { LoggedEvent } from '../event-store.ts'
import { type EventFeed, type KeyPage, pageSize } from './event-feeds.ts'

export interface FollowOptions {
  /** The lower-case id of the event to continue after. Absent: only events committed after the start. */
  after: string | undefined
  /** Only events of these names; absent: all. */
  types: ReadonlySet<string> | undefined
  /** After commits, the range of ids already read is searched again for late events, at most this often. */
  sweepMs: number
}

/**
 * An event gets its id before its transaction commits, so a greater id may be seen first. An event may be at most this
 * late, including clock differences between processes.
 */
const lagMs = 10_000
/** Remembered ids of the last {@link lagMs}. At this limit, reading waits until some are old enough to be forgotten. */
const maxRemembered = 50_000

/**
 * Follows the events of an app. It skips no event, whatever the order in which transactions commit, and returns no
 * event twice. With `after`, it may return events from the 10 s before that id which the caller already had: otherwise
 * an event committed late would be lost.
 */
export async function startFollower(feed: EventFeed, options: FollowOptions): Promise<Follower> {
  const follower = createFollower(feed, options)
  if (options.after === undefined) {
    while (!(await follower.skip())) {
      // Skips the events that were committed before the start.
    }
  }
  return follower
}

function createFollower(feed: EventFeed, { after, types, sweepMs }: FollowOptions) {
  const remembered = new Set<string>(after === undefined ? [] : [after])
  /** Ids up to this one were read when they were older than the lag: no event can appear there any more. */
  let settled = lagBehind(after === undefined ? nowMs() : Math.min(nowMs(), momentOfId(after).getTime()))
  /** The greatest id read. */
  let head = settled
  /** The position of the current walk, which goes from `settled` (a sweep) or from `head` to the end of the log. */
  let cursor = settled
  let walk: 'none' | 'sweep' | 'ahead' = 'none'
  let sweptAtMs = Number.NEGATIVE_INFINITY
  /** The feed's generation when the last walk and the last sweep began. */
  let walked = -1
  let swept = -1
  let caughtUp = false

  const beginWalk = () => {
    // The clock was set back: new events get smaller ids than those already read, which are remembered.
    if (momentOfId(head).getTime() > nowMs() + lagMs) {
      settled = minimum(settled, lagBehind(nowMs()))
      head = settled
    }
    walked = feed.generation()
    walk = swept !== walked && nowMs() - sweptAtMs >= sweepMs ? 'sweep' : 'ahead'
    if (walk === 'sweep') {
      sweptAtMs = nowMs()
      swept = walked
    }
    cursor = walk === 'sweep' ? settled : head
  }

  /** Takes the new, wanted ids from a page, as long as there is room to remember them. */
  const takeFrom = (page: KeyPage['keys']) => {
    const fresh: string[] = []
    for (const [index, { id, type }] of page.entries()) {
      if ((types && !types.has(type)) || remembered.has(id)) continue
      if (remembered.size >= maxRemembered) return { taken: page.slice(0, index), fresh }
      remembered.add(id)
      fresh.push(id)
    }
    return { taken: page, fresh }
  }

  const settle = (until: string) => {
    if (until <= settled) return
    settled = until
    for (const id of remembered) if (id <= settled) remembered.delete(id)
  }

  const readKeys = async (ofThisMoment = false): Promise<string[]> => {
    if (walk === 'none') beginWalk()
    const { keys: page, askedAtMs } = await feed.readKeys(cursor, ofThisMoment)
    // Uncommitted events may still appear among younger ids. Whole seconds give all streams the same boundary.
    const boundary = lagBehind(Math.floor(askedAtMs / 1_000) * 1_000)
    const { taken, fresh } = takeFrom(page)
    const last = taken.at(-1)?.id ?? cursor
    const isFull = taken.length < page.length
    caughtUp = isFull || page.length < pageSize
    // A page settles only if all pages before it did: they were read earlier, with an earlier boundary.
    if (walk === 'sweep' && cursor === settled) {
      settle(caughtUp && !isFull ? boundary : minimum(last, boundary))
    }
    cursor = last
    if (head < last) head = last
    if (caughtUp) walk = 'none'
    return fresh
  }

  return {
    /**
     * Reads up to 500 more rows.
     *
     * @returns the events not returned before
     */
    async read(): Promise<LoggedEvent[]> {
      return feed.readEvents(await readKeys())
    },
    async skip() {
      await readKeys(true)
      return caughtUp
    },
    /** Resolves when there may be more to read, after `atMostMs` or when `signal` is aborted. */
    async wait(atMostMs: number, signal: AbortSignal) {
      if (!caughtUp) return
      const sweepInMs = swept === walked ? Number.POSITIVE_INFINITY : sweptAtMs + sweepMs - nowMs()
      // A follower that cannot remember more ids waits until some are old enough to be forgotten.
      const roomInMs = remembered.size >= maxRemembered ? sweepMs : Number.POSITIVE_INFINITY
      await feed.wait(walked, Math.max(0, Math.min(atMostMs, sweepInMs, roomInMs)), signal)
    },
  }
}

/** Reads the events of an app as they are committed. */
export type Follower = ReturnType<typeof createFollower>

/** The current time, by the clock that creates event ids. */
function nowMs(): number {
  return momentOfId(newId()).getTime()
}

function lagBehind(moment: number): string {
  return firstIdOf(new Date(Math.max(0, moment - lagMs)))
}

function minimum(a: string, b: string): string {
  return a < b ? a : b
}
