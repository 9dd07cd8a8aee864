import { firstIdOf, momentOfId, newId } from '../../platform/ids.ts'
import { type EventFeed, type KeyPage, pageSize } from './event-feeds.ts'
import type { FollowedEvent } from './followed-event-store.ts'

/** Reads the events of an app as they are committed. */
export interface Follower {
  /**
   * Reads on, 500 rows at most.
   *
   * @returns what was not returned before
   */
  read(): Promise<FollowedEvent[]>
  /** Resolves when there may be more to read, after `atMostMs` or when `signal` is aborted. */
  wait(atMostMs: number, signal: AbortSignal): Promise<void>
}

export interface FollowOptions {
  /** The id of the event after which to go on, lower-case. Absent: from what is committed after the start. */
  after: string | undefined
  /** Only events of these names; absent: all. */
  types: ReadonlySet<string> | undefined
  /** When events were committed, what was read already is looked through for late ones too, at most so often. */
  sweepMs: number
}

/**
 * An event gets its id before its transaction commits, so that a greater id may be seen first. That late an event may
 * be, clocks of different processes included.
 */
const lagMs = 10_000
/** Ids of the last {@link lagMs} that are remembered; beyond, reading waits until some are old enough to be forgotten. */
const maxRemembered = 50_000

/**
 * Follows the events of an app: none is skipped, whatever the order in which their transactions commit, and in one
 * following none comes twice. With `after`, events from 10 s before it may be among those that the caller has had: one
 * that was committed late would otherwise be lost.
 */
export async function startFollower(feed: EventFeed, options: FollowOptions): Promise<Follower> {
  const follower = createFollower(feed, options)
  if (options.after === undefined) {
    while (!(await follower.skip())) {
      // What is there already was there before the start.
    }
  }
  return follower
}

function createFollower(
  feed: EventFeed,
  { after, types, sweepMs }: FollowOptions,
): Follower & { skip(): Promise<boolean> } {
  const remembered = new Set<string>(after === undefined ? [] : [after])
  /** Everything up to it was read when it was older than the lag: nothing can appear there any more. */
  let settled = lagBehind(after === undefined ? nowMs() : Math.min(nowMs(), momentOfId(after).getTime()))
  /** The greatest id read. */
  let head = settled
  /** Where the walk under way is; it goes from `settled` (a sweep) or from `head` to the end of the log. */
  let cursor = settled
  let walk: 'none' | 'sweep' | 'ahead' = 'none'
  let sweptAtMs = Number.NEGATIVE_INFINITY
  /** Of the feed, when the last walk and the last sweep began. */
  let walked = -1
  let swept = -1
  let caughtUp = false

  const beginWalk = () => {
    walked = feed.generation()
    walk = swept !== walked && nowMs() - sweptAtMs >= sweepMs ? 'sweep' : 'ahead'
    if (walk === 'sweep') {
      sweptAtMs = nowMs()
      swept = walked
    }
    cursor = walk === 'sweep' ? settled : head
  }

  /** Takes from a page what is wanted and new, as far as there is room to remember it. */
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
    // What is younger may still have company that is not committed. In whole seconds, so that streams go on alike.
    const boundary = lagBehind(Math.floor(askedAtMs / 1_000) * 1_000)
    const { taken, fresh } = takeFrom(page)
    const last = taken.at(-1)?.id ?? cursor
    const isFull = taken.length < page.length
    caughtUp = isFull || page.length < pageSize
    // Further pages are settled only where all before them are: those were read earlier, at an earlier boundary.
    if (walk === 'sweep' && cursor === settled) {
      settle(caughtUp && !isFull ? boundary : minimum(last, boundary))
    }
    cursor = last
    if (head < last) head = last
    if (caughtUp) walk = 'none'
    return fresh
  }

  return {
    async read() {
      return feed.readEvents(await readKeys())
    },
    async skip() {
      await readKeys(true)
      return caughtUp
    },
    async wait(atMostMs, signal) {
      if (!caughtUp) return
      const sweepInMs = swept === walked ? Number.POSITIVE_INFINITY : sweptAtMs + sweepMs - nowMs()
      // A follower that cannot remember more has to wait until some is old enough.
      const roomInMs = remembered.size >= maxRemembered ? sweepMs : Number.POSITIVE_INFINITY
      await feed.wait(walked, Math.max(0, Math.min(atMostMs, sweepInMs, roomInMs)), signal)
    },
  }
}

/** By the clock that the ids of events are made with. */
function nowMs(): number {
  return momentOfId(newId()).getTime()
}

function lagBehind(moment: number): string {
  return firstIdOf(new Date(Math.max(0, moment - lagMs)))
}

function minimum(a: string, b: string): string {
  return a < b ? a : b
}
