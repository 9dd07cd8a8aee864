import { largeRank } from '../notifications/rank.ts'

/** Small audiences and pages of large ones have separate limits, so that neither waits for the other. */
export type PageKind = 'small' | 'large'

export function kindOf(rank: number): PageKind {
  return rank < largeRank ? 'small' : 'large'
}

export function createSendingLane(appId: string) {
  return {
    appId,
    /** When work of a kind may be due, milliseconds since the epoch; infinite: no work is known. */
    dueAtMs: { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY },
    /** Keys of pages under way and of notifications whose audience is being cut. */
    underWay: { small: new Set<string>(), large: new Set<string>() },
    /** Key of a page that failed through our fault → how often, and until when it is paused (ms since the epoch). */
    failed: new Map<string, { failures: number; untilMs: number }>(),
    /** Aborted when the app is deleted. */
    deleted: new AbortController(),
  }
}

/** The pending work of one app, as known to the process that owns its lane. */
export type SendingLane = ReturnType<typeof createSendingLane>

/** Notes that work of the kind is due at this time or sooner. */
export function noteDue(lane: SendingLane, kind: PageKind, atMs: number): void {
  lane.dueAtMs[kind] = Math.min(lane.dueAtMs[kind], atMs)
}

export function isBusy({ underWay }: SendingLane): boolean {
  return underWay.small.size + underWay.large.size > 0
}

/** Whether no work is known to be due. */
export function isIdle({ dueAtMs }: SendingLane): boolean {
  return Math.min(dueAtMs.small, dueAtMs.large) === Number.POSITIVE_INFINITY
}

/** Keys to leave out of a read: work under way and paused pages. */
export function keysTaken({ underWay, failed }: SendingLane, nowMs: number): string[] {
  for (const [key, { untilMs }] of failed) if (untilMs < nowMs - maxPauseMs) failed.delete(key)
  const paused = [...failed].flatMap(([key, { untilMs }]) => (untilMs > nowMs ? [key] : []))
  return [...underWay.small, ...underWay.large, ...paused]
}

const firstPauseMs = 10_000
const maxPauseMs = 160_000

/**
 * Pauses a page that could not be sent or recorded; the pause doubles with each failure. When the page is sent again,
 * some subscribers may get the push twice, but nobody is counted twice.
 *
 * @returns the pause in milliseconds
 */
export function noteFailed(lane: SendingLane, kind: PageKind, key: string, nowMs: number): number {
  const before = lane.failed.get(key)?.failures ?? 0
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** before)
  lane.failed.set(key, { failures: before + 1, untilMs: nowMs + pauseMs })
  noteDue(lane, kind, nowMs + pauseMs)
  return pauseMs
}

/** Work read from a lane, in sending order, without the work that was under way at the time of the read. */
export interface Candidate {
  rank: number
  dueAt: Date
}

/**
 * Chooses the work of a lane to send now: the first due candidates of each kind. Work that is left over makes its kind
 * due again, now or at the due time of that work.
 *
 * @param mayHaveMore whether the database may hold more work than was read, by kind
 */
export function choosePages<Item extends Candidate>(
  lane: SendingLane,
  candidates: readonly Item[],
  room: Record<PageKind, number>,
  mayHaveMore: Record<PageKind, boolean>,
  nowMs: number,
): Item[] {
  const chosen: Item[] = []
  for (const kind of ['small', 'large'] as const) {
    const ofKind = candidates.filter((candidate) => kindOf(candidate.rank) === kind)
    const due = ofKind.filter(({ dueAt }) => dueAt.getTime() <= nowMs)
    const taken = due.toSorted((a, b) => a.rank - b.rank).slice(0, room[kind])
    chosen.push(...taken)
    const later = ofKind.filter(({ dueAt }) => dueAt.getTime() > nowMs).map(({ dueAt }) => dueAt.getTime())
    const isLeft = due.length > taken.length || (mayHaveMore[kind] && later.length === 0)
    noteDue(lane, kind, isLeft ? nowMs : Math.min(Number.POSITIVE_INFINITY, ...later))
  }
  return chosen
}
