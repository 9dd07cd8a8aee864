import { z } from 'zod'
import { refusals } from '../errors.ts'
import { firstIdOf } from '../ids.ts'

/** A timestamp (RFC 3339, with any offset) in a query or a body, read as a moment; 1970 for what is before. */
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

/** A span of time; what is absent is open. */
export interface TimeWindow {
  since?: Date | undefined
  /** Exclusive. */
  until?: Date | undefined
}

/** @throws 422 for a window that nothing can be in: one that begins in the future, or ends before it begins */
export function checkWindow({ since, until }: TimeWindow, now: Date): void {
  if (since && since > now) throw refusals.invalid({ since: ['must not be in the future'] })
  if (since && until && since > until) throw refusals.invalid({ since: ['must not be after until'] })
}

/** The UUIDv7 that were made in a window: `from` ≤ id < `before`. */
export interface IdRange {
  from: string | undefined
  before: string | undefined
}

/** As bounds on ids a window also says which partitions are read. */
export function toIdRange({ since, until }: TimeWindow): IdRange {
  return { from: since && firstIdOf(since), before: until && firstIdOf(until) }
}
