/** The longest wait that is honoured. A receiver that asks for more gets the next request after this time. */
export const maxRetryAfterSeconds = 3_600

/** Values read from a repeated header; further values are ignored. */
const maxValues = 10

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = `(?<month>${months.join('|')})`
const time = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)'

// The three forms of an HTTP-date (RFC 9110 §5.6.7). Date.parse accepts many other texts, and not all of these.
const imfFixdate = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT`
const rfc850Date = `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d{2})-${month}-(?<shortYear>\\d{2}) ${time} GMT`
const asctimeDate = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})`

const seconds = /^\d+(?:\.\d+)?$/
const dates = [imfFixdate, rfc850Date, asctimeDate].map((form) => new RegExp(`^${form}$`))
/** A comma separates repeated values, except after the name of a day. */
const separator = /(?<!day|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s*,\s*/

/**
 * Reads a Retry-After header (RFC 9110 §10.2.3): seconds, or a date. Fractions of a second are rounded up. If the
 * header is repeated, as a list or joined by a proxy, the longest wait counts.
 *
 * @param value the header as received
 * @param now the time that a date is relative to
 * @returns whole seconds from now, 0 for a date in the past; null when the header is absent or not valid. Not capped:
 *   callers that wait apply {@link maxRetryAfterSeconds}.
 */
export function parseRetryAfter(value: string | readonly string[] | undefined, now: Date): number | null {
  const values = [value ?? []].flat().flatMap((text) => text.split(separator))
  const waits = values
    .slice(0, maxValues)
    .map((text) => parseOne(text.trim(), now))
    .filter((wait) => wait !== null)
  return waits.length === 0 ? null : Math.max(...waits)
}

function parseOne(text: string, now: Date): number | null {
  if (seconds.test(text)) return Math.min(Math.ceil(Number(text)), Number.MAX_SAFE_INTEGER)
  const at = parseHttpDate(text, now)
  return at === null ? null : Math.max(0, Math.ceil((at - now.getTime()) / 1_000))
}

function parseHttpDate(text: string, now: Date): number | null {
  const parts = dates.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined)
  if (!parts) return null
  const year = parts.year ? Number(parts.year) : fullYear(Number(parts.shortYear), now)
  const monthIndex = months.indexOf(parts.month!)
  const day = Number(parts.day)
  const at = new Date(0)
  at.setUTCFullYear(year, monthIndex, day)
  if (at.getUTCMonth() !== monthIndex || at.getUTCDate() !== day) return null
  return at.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second))
}

/** A two-digit year is never more than 50 years in the future (RFC 9110 §5.6.7). */
function fullYear(lastTwoDigits: number, now: Date): number {
  const thisYear = now.getUTCFullYear()
  const year = thisYear - (thisYear % 100) + lastTwoDigits
  return year > thisYear + 50 ? year - 100 : year
}
