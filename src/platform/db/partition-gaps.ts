import { dayMs } from '../clock.ts'

/** A range of time: `start` is included, `end` is not. */
export interface TimeRange {
  start: Date
  end: Date
}

/**
 * Finds the partitions that are missing between `from` and `until`: ranges of whole days, each as long as `spanDays` or
 * as the gap.
 *
 * @param known the existing partitions in order of time; they may have any position and length
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

/** @returns the first moment, from `from` on, that no partition covers */
export function firstUncoveredMoment(known: readonly TimeRange[], from: Date): Date {
  let end = from
  for (const range of known) if (range.start <= end && range.end > end) end = range.end
  return end
}

function startOfDay(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / dayMs) * dayMs)
}
