import type { Db } from '../../platform/db/db.ts'
import { firstIdOf } from '../../platform/db/partitions.ts'
import { momentOfId, newId } from '../../platform/ids.ts'
import { type FollowedEvent, listEventKeys, readFollowedEvents } from './followed-event-store.ts'

/** Reads the events of an app as they are committed. */
export interface Follower {
  /**
   * Reads on, 500 rows at most.
   *
   * @returns what was not returned before, and whether nothing more waits to be read now
   */
  read(): Promise<{ events: FollowedEvent[]; caughtUp: boolean }>
}

export interface FollowOptions {
  /** The id of the event after which to go on, lower-case. Absent: from what is committed after the start. */
  after: string | undefined
  /** Only events of these names; absent: all. */
  types: ReadonlySet<string> | undefined
  /** How often what was read already is looked through for events that were committed late. */
  sweepMs: number
}

/**
 * An event gets its id before its transaction commits, so that a greater id may be seen first. That late an event may
 * be, clocks of different processes included.
 */
export const lagMs = 10_000
const pageSize = 500
/** Ids of the last {@link lagMs} that are remembered; beyond, reading waits until some are old enough to be forgotten. */
const maxRemembered = 50_000

/**
 * Follows the events of an app: none is skipped, whatever the order in which their transactions commit, and in one
 * following none comes twice. With `after`, events from 10 s before it may be among those that the caller has had: one
 * that was committed late would otherwise be lost.
 */
export async function startFollower(db: Db, appId: string, options: FollowOptions): Promise<Follower> {
  const follower = createFollower(db, appId, options)
  if (options.after === undefined) {
    while (!(await follower.skip())) {
      // What is there already was there before the start.
    }
  }
  return follower
}

function createFollower(
  db: Db,
  appId: string,
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

  const beginWalk = () => {
    walk = nowMs() - sweptAtMs >= sweepMs ? 'sweep' : 'ahead'
    if (walk === 'sweep') sweptAtMs = nowMs()
    cursor = walk === 'sweep' ? settled : head
  }

  /** Takes from a page what is wanted and new, as far as there is room to remember it. */
  const takeFrom = (page: readonly { id: string; type: string }[]) => {
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

  const readKeys = async (): Promise<{ fresh: string[]; caughtUp: boolean }> => {
    if (walk === 'none') beginWalk()
    // Taken before the rows are: what is younger may still have company that is not committed.
    const boundary = lagBehind(nowMs())
    const page = await listEventKeys(db, appId, cursor, pageSize)
    const { taken, fresh } = takeFrom(page)
    const last = taken.at(-1)?.id ?? cursor
    const isFull = taken.length < page.length
    const caughtUp = isFull || page.length < pageSize
    // Further pages are settled only where all before them are: those were read earlier, at an earlier boundary.
    if (walk === 'sweep' && cursor === settled) {
      settle(caughtUp && !isFull ? boundary : minimum(last, boundary))
    }
    cursor = last
    if (head < last) head = last
    if (caughtUp) walk = 'none'
    return { fresh, caughtUp }
  }

  return {
    async read() {
      const { fresh, caughtUp } = await readKeys()
      return { events: await readFollowedEvents(db, appId, fresh), caughtUp }
    },
    async skip() {
      return (await readKeys()).caughtUp
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
