import { type RawBuilder, sql } from 'kysely'

/**
 * Limits a timestamp to times that JavaScript can represent. PostgreSQL also stores `infinity` and later years: one such
 * row must not fail the read of all others. Null counts as the latest time.
 */
export function finiteTime(timestamp: RawBuilder<unknown>): RawBuilder<Date> {
  return sql`greatest(least(${timestamp}, '9999-12-31'::timestamptz), 'epoch'::timestamptz)`
}
