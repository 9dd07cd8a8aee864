import pg from 'pg'

type GetTypeParser = typeof pg.types.getTypeParser

const lastTime = new Date('9999-12-31T00:00:00Z')
/** The ids of the types `timestamp` and `timestamptz`. */
const timestampTypes = new Set([1114, 1184])

/**
 * How values of the database become JavaScript values, on both databases: as `pg` does it, but a timestamp is always a
 * `Date` that JavaScript and ISO 8601 can represent. PostgreSQL also stores `infinity` and years beyond 9999: one such row
 * must not fail the read of all others.
 */
export const valueTypes = {
  getTypeParser: ((oid: number, format?: 'text') => {
    const parse = pg.types.getTypeParser(oid, format)
    return timestampTypes.has(oid) ? (text: string) => finiteTime(parse(text)) : parse
  }) as GetTypeParser,
}

/** Limits a time, which may be infinite or unknown, to 1970 to 9999. */
function finiteTime(time: Date | number): Date {
  const ms = Number(time)
  if (ms >= 0 && ms <= lastTime.getTime()) return time as Date
  return ms < 0 ? new Date(0) : lastTime
}
