/** The longest wait that is honoured; a receiver that asks for more is asked again after this. */
export const maxRetryAfterSeconds = 3_600

// The three forms of an HTTP-date (RFC 9110 §5.6.7). Date.parse alone would take far more than these.
const imfFixdate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const rfc850Date = /^[A-Z][a-z]{2,5}day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/
const asctimeDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/

/**
 * Reads a Retry-After header (RFC 9110 §10.2.3): seconds, or a date.
 *
 * @param value the header as received
 * @param now what a date is relative to
 * @returns whole seconds from now, 0 for a date in the past; null when absent or nonsense. Not capped: callers
 *   that wait apply {@link maxRetryAfterSeconds}.
 */
export function parseRetryAfter(value: string | undefined, now: Date): number | null {
  const text = value?.trim()
  if (!text) {
    return null
  }
  if (/^\d+$/.test(text)) {
    return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
  }
  const at = parseHttpDate(text)
  return at === null ? null : Math.max(0, Math.ceil((at - now.getTime()) / 1_000))
}

function parseHttpDate(text: string): number | null {
  if (!imfFixdate.test(text) && !rfc850Date.test(text) && !asctimeDate.test(text)) {
    return null
  }
  // asctime names no zone and means GMT; without one Date.parse would take the machine's.
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(at) ? null : at
}
