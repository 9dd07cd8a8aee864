import { dayMs } from '../clock.ts'

/** From a moment to another, which is not in it. */
export interface TimeRange {
  start: Date
  end: Date
}

/**
 * What partitions are missing for rows of every moment from `from` to `until`: ranges of whole days, of `spanDays` or
 * as much as there is room for.
 *
 * @param known the partitions that exist, in the order of time; they may lie anywhere, and be any length
 */
export function findGaps(
  known: readonly TimeRange[],
  from: Date,
  until: Date,
  spanDays: number,
): TimeRange[] {
  const gaps: TimeRange[] = []
  let start = startOfDay(from)
  while (start <= until) {
    const next = known.find(({ end }) => end > start)
    if (next && next.start <= start) {
      start = next.end
      continue
    }
    const end = new Date(start.getTime() + spanDays * dayMs)
    gaps.push({ start, end: next && next.start < end ? next.start : end })
    start = gaps.at(-1)!.end
  }
  return gaps
}

/** @returns the first moment from `from` on that no partition is for */
export function endOfCover(known: readonly TimeRange[], from: Date): Date {
  let end = from
  for (const range of known) if (range.start <= end && range.end > end) end = range.end
  return end
}

function startOfDay(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / dayMs) * dayMs)
}
