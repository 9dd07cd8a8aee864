import { newEvents } from '../../announcements.ts'
import type { Db } from '../../platform/db/db.ts'
import type { Notices } from '../../platform/db/notices.ts'
import { readByIndex } from '../../platform/db/read-by-index.ts'
import { getOrInsert } from '../../platform/get-or-insert.ts'
import { momentOfId, newId } from '../../platform/ids.ts'
import { remember } from '../../platform/remember.ts'
import { type EventKey, type LoggedEvent, listEventKeys, readEvents } from '../event-store.ts'

/** A page of an app's log. */
export interface KeyPage {
  keys: EventKey[]
  /** When the page was requested, by the clock that creates event ids; milliseconds since the epoch. */
  askedAtMs: number
}

export interface FeedTimes {
  /** Events that are committed within this time are read together. */
  gatherMs: number
  /** How often a feed is read without an announcement, if announcements can be heard (one may be lost) or cannot. */
  announcedMs: number
  unannouncedMs: number
}

export const pageSize = 500
/** Shared reads whose answers are kept for other streams. */
const maxShared = 8

/** @returns a function that opens the feed of an app */
export function createEventFeeds({ db, notices }: { db: Db; notices: Notices }, times: FeedTimes) {
  const feeds = new Map<string, { feed: ReturnType<typeof createFeed>; users: number }>()
  let isListening = false
  const listen = () => {
    if (isListening) return
    isListening = true
    newEvents.on(notices, {
      named: (appId) => feeds.get(appId)?.feed.wake(),
      missed() {
        for (const { feed } of feeds.values()) feed.wake()
      },
    })
  }
  return (appId: string) => {
    listen()
    const everyMs = notices.areHeard ? times.announcedMs : times.unannouncedMs
    const entry = getOrInsert(feeds, appId, () => ({
      feed: createFeed(db, appId, times.gatherMs, everyMs),
      users: 0,
    }))
    entry.users += 1
    let isOpen = true
    return {
      ...entry.feed,
      close() {
        if (!isOpen) return
        isOpen = false
        entry.users -= 1
        if (entry.users > 0) return
        feeds.delete(appId)
        entry.feed.close()
      },
    }
  }
}

function createFeed(db: Db, appId: string, gatherMs: number, everyMs: number) {
  let generation = 0
  let gathering: NodeJS.Timeout | undefined
  const sleeping = new Set<() => void>()
  const shared = new Map<string, Promise<unknown>>()

  const advance = () => {
    gathering = undefined
    generation += 1
    shared.clear()
    for (const wake of sleeping) wake()
  }
  const timer = setInterval(advance, everyMs).unref()

  const share = <Answer>(key: string, read: () => Promise<Answer>): Promise<Answer> => {
    const known = shared.get(key)
    if (known) return known as Promise<Answer>
    const answer = read()
    answer.catch(() => shared.delete(key))
    remember(shared, key, answer, maxShared)
    return answer
  }
  const readKeys = async (after: string): Promise<KeyPage> => {
    const askedAtMs = momentOfId(newId()).getTime()
    const keys = await readByIndex(db, (connection) => listEventKeys(connection, appId, { after }, pageSize))
    return { keys, askedAtMs }
  }

  return {
    /** Increases when events may have been committed. Reads while it is unchanged see all of those events. */
    generation: () => generation,
    /** Lists the events after an id, in id order, up to {@link pageSize}. @param fresh whether to bypass shared reads */
    readKeys: (after: string, fresh = false) =>
      fresh ? readKeys(after) : share(`after ${after}`, () => readKeys(after)),
    async readEvents(ids: readonly string[]): Promise<LoggedEvent[]> {
      return ids.length === 0 ? [] : share(`of ${ids.join()}`, () => readEvents(db, appId, ids))
    },
    /** Resolves when the generation differs from `seen`, after `atMostMs` or when `signal` is aborted. */
    wait: (seen: number, atMostMs: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (seen !== generation || signal.aborted) return resolve()
        const timer = setTimeout(done, atMostMs)
        function done() {
          clearTimeout(timer)
          sleeping.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        sleeping.add(done)
        signal.addEventListener('abort', done)
      }),
    wake() {
      gathering ??= setTimeout(advance, gatherMs)
    },
    close() {
      clearInterval(timer)
      clearTimeout(gathering)
    },
  }
}

/** The events of one app, for all its streams in this process. Streams that request the same share one read. */
export type EventFeed = Omit<ReturnType<typeof createFeed>, 'wake'>
