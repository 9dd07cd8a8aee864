import { z } from 'zod'
import { refusals } from '../errors.ts'
import { firstIdOf, type IdRange } from '../ids.ts'

/** A timestamp (RFC 3339, with any offset) in a query or a body, parsed to a Date. Earlier times become 1970. */
export const momentField = z.iso
  .datetime({
    offset: true,
    error: ({ input }) =>
      input === undefined ? 'is required' : 'must be a timestamp such as 2025-06-01T08:00:00Z',
  })
  // PostgreSQL has no year 0, and nothing here is older than 1970.
  .transform((text) => new Date(Math.max(0, Date.parse(text))))

/** `since` (inclusive) and `until` (exclusive) of a list. */
export const windowFields = {
  since: momentField.optional().describe('Only entries from this time on.'),
  until: momentField.optional().describe('Only entries before this time.'),
}

/** A period of time. A missing bound means that the period is open on that side. */
export interface TimeWindow {
  since?: Date | undefined
  /** Exclusive. */
  until?: Date | undefined
}

/** @throws 422 for a window that must be empty: it begins in the future, or ends before it begins */
export function checkWindow({ since, until }: TimeWindow, now: Date): void {
  if (since && since > now) throw refusals.invalid({ since: ['must not be in the future'] })
  if (since && until && since > until) throw refusals.invalid({ since: ['must not be after until'] })
}

/** Converts a window to bounds on ids, so that the database only reads the partitions in it. */
export function toIdRange({ since, until }: TimeWindow): IdRange {
  return { from: since && firstIdOf(since), before: until && firstIdOf(until) }
}
