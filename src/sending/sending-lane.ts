import { largeRank } from './rank.ts'

/** Small audiences and pages of large ones have rooms of their own, so that neither waits for the other. */
export type PageKind = 'small' | 'large'

export function kindOf(rank: number): PageKind {
  return rank < largeRank ? 'small' : 'large'
}

/** What one app has to send, as the process that owns its lane knows it. */
export interface SendingLane {
  appId: string
  /** When something of a kind may be due, milliseconds since the epoch; infinite: nothing is known of. */
  dueAtMs: Record<PageKind, number>
  /** Keys of the pages under way, and of notifications whose audience is being cut. */
  underWay: Record<PageKind, Set<string>>
  /** Keys of what failed of a fault of ours → how often, and until when it is left alone, milliseconds since the epoch. */
  failed: Map<string, { failures: number; untilMs: number }>
}

export function createSendingLane(appId: string): SendingLane {
  return {
    appId,
    dueAtMs: { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY },
    underWay: { small: new Set(), large: new Set() },
    failed: new Map(),
  }
}

/** Something of the kind is due at this time, or sooner. */
export function noteDue(lane: SendingLane, kind: PageKind, atMs: number): void {
  lane.dueAtMs[kind] = Math.min(lane.dueAtMs[kind], atMs)
}

export function isBusy({ underWay }: SendingLane): boolean {
  return underWay.small.size + underWay.large.size > 0
}

/** Whether nothing is known to be due. */
export function isIdle({ dueAtMs }: SendingLane): boolean {
  return Math.min(dueAtMs.small, dueAtMs.large) === Number.POSITIVE_INFINITY
}

/** Keys that are not to be read: what is under way, and what is left alone for now. */
export function keysTaken({ underWay, failed }: SendingLane, nowMs: number): string[] {
  for (const [key, { untilMs }] of failed) if (untilMs < nowMs - maxPauseMs) failed.delete(key)
  const paused = [...failed].flatMap(([key, { untilMs }]) => (untilMs > nowMs ? [key] : []))
  return [...underWay.small, ...underWay.large, ...paused]
}

const firstPauseMs = 10_000
const maxPauseMs = 160_000

/**
 * A page could not be sent or recorded: it is left alone for a while, doubling. When it is sent again some may get it
 * twice, nobody is counted twice.
 *
 * @returns for how long
 */
export function noteFailed(lane: SendingLane, kind: PageKind, key: string, nowMs: number): number {
  const before = lane.failed.get(key)?.failures ?? 0
  const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** before)
  lane.failed.set(key, { failures: before + 1, untilMs: nowMs + pauseMs })
  noteDue(lane, kind, nowMs + pauseMs)
  return pauseMs
}

/** What is read of a lane, in the order in which it goes, without what was under way when it was read. */
export interface Candidate {
  rank: number
  dueAt: Date
}

/**
 * Chooses what of a lane goes now: of each kind, the first ones that are due. What is left of a kind makes it due
 * again, now or at its time.
 *
 * @param read whether there may be more than was read, by kind
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
