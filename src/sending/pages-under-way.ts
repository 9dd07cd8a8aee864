import type { SendingApp } from '../apps/senders.ts'
import type { Deps } from '../deps.ts'
import type { LaneSet } from '../engine/lane-set.ts'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { takenSince } from '../platform/traces/traces.ts'
import { type AudienceMember, readNamedMembers } from '../subscribers/audience-store.ts'
import { cutNotification } from './cut-notification.ts'
import type { DueBatch, DueNotification } from './due-store.ts'
import { type Due, toNamed, toPage } from './due-work.ts'
import type { Page } from './page.ts'
import { createPageRecorder } from './page-recorder.ts'
import { readPageMembers } from './read-page.ts'
import { sendAndRecord } from './send-and-record.ts'
import { kindOf, noteDue, noteFailed, type PageKind, type SendingLane } from './sending-lane.ts'
import { resolveSpan } from './sending-spans.ts'

/** Maximum subscribers of a notification to named users; with more, it is cut like any large one. */
const maxSmallMembers = 1_000
/** Pushes not sent by then are deferred to another page: a slow push service must not hold up the rest. */
const pageDeadlineMs = 60_000

/**
 * The pages under way, over all lanes: from when their work was chosen until it is recorded.
 *
 * @param lanes the lanes of this process, which are started after this function returns
 */
export function createPagesUnderWay(deps: Deps, lanes: () => LaneSet<SendingLane>) {
  const stopped = new AbortController()
  const recorder = createPageRecorder(deps, stopped.signal)
  const underWay = { small: 0, large: 0 }

  const nowMs = () => deps.clock.now().getTime()

  /**
   * Begins the work that this process may do. The small audiences are read in one statement; a page of a large one is
   * read when it begins.
   *
   * @param apps the apps of the work, by id, without those that are gone
   */
  const begin = async (read: readonly Due[], apps: ReadonlyMap<string, SendingApp>) => {
    // Lanes may have been lost while the read took place.
    const chosen = read.filter(({ what }) => deps.lanes.owns(what.appId))
    const named = chosen.flatMap(({ rank, key, what }) => {
      const audience = kindOf(rank) === 'small' && toNamed(what)
      return audience ? [{ key, what, audience }] : []
    })
    const resolvedFrom = performance.now()
    const members = await readNamedMembers(
      deps.db,
      named.map(({ audience }) => audience),
      maxSmallMembers,
    )
    if (deps.traces) {
      const taken = takenSince(deps.clock, resolvedFrom)
      for (const [index, { what }] of named.entries()) {
        const count = members[index]!.length
        if ('number' in what || count > maxSmallMembers) continue
        deps.traces.record(resolveSpan(what, taken, count, null))
      }
    }
    const small = new Map(named.map(({ key }, index) => [key, members[index]!]))
    const timeIsUp = AbortSignal.timeout(pageDeadlineMs)
    const signals = new Map<SendingLane, AbortSignal>()
    const makeSignal = ({ deleted }: SendingLane) =>
      AbortSignal.any([stopped.signal, deleted.signal, timeIsUp])
    for (const { rank, key, what } of chosen) {
      const lane = lanes().get(what.appId)!
      const signal = getOrInsert(signals, lane, makeSignal)
      track(lane, kindOf(rank), key, send(lane, what, small.get(key), apps.get(lane.appId), signal))
    }
  }

  /** Occupies a place in the lane until the work has succeeded or failed. */
  const track = (lane: SendingLane, kind: PageKind, key: string, work: Promise<void>) => {
    lane.underWay[kind].add(key)
    underWay[kind] += 1
    const failed = (error: unknown) => {
      const pauseMs = noteFailed(lane, kind, key, nowMs())
      deps.log.error({ err: error, appId: lane.appId, page: key, pauseMs }, 'page.failed')
    }
    const ended = () => {
      lane.underWay[kind].delete(key)
      underWay[kind] -= 1
    }
    lanes().track(work.then(() => lane.failed.delete(key), failed).then(ended))
  }

  const send = async (
    lane: SendingLane,
    what: DueNotification | DueBatch,
    small: AudienceMember[] | undefined,
    app: SendingApp | undefined,
    signal: AbortSignal,
  ) => {
    const sendMembers = async (members: Page['members']) => {
      // Without an app, its data is gone as well.
      const retries = app ? await sendAndRecord(deps, recorder, app, toPage(what, members), signal) : []
      for (const { kind, delaySeconds } of retries) noteDue(lane, kind, nowMs() + delaySeconds * 1_000)
    }
    if ('number' in what) {
      await sendMembers(small ?? (await readPageMembers(deps.db, what)))
    } else if (small && small.length <= maxSmallMembers) {
      await sendMembers(small)
    } else {
      // A large audience, or one that only looked small, such as a user with thousands of subscribers.
      await cutNotification(deps, what)
      noteDue(lane, 'large', nowMs())
    }
  }

  return {
    /** Number of pages under way, by kind. */
    count: (kind: PageKind) => underWay[kind],
    begin,
    /** Defers the pushes that have not been sent. */
    breakOff: () => stopped.abort(),
  }
}
