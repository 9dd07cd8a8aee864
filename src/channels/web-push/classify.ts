import type { OutboundAnswer, OutboundResult } from '../../outbound/outbound.ts'
import { maxRetryAfterSeconds, parseRetryAfter } from '../../outbound/retry-after.ts'
import type { Outcome } from '../channel.ts'

/** Characters of a push service's explanation kept in an outcome. */
const maxExplanationLength = 200

const acceptedStatuses = new Set([200, 201, 202, 204])

/**
 * What a push service's answer, or the lack of one, means for the push (RFC 8030 §5, §7.3; RFC 8292 §4).
 *
 * @param now what a Retry-After date is relative to
 */
export function classify(result: OutboundResult, now: Date): Outcome {
  if (!result.ok) {
    const error = `${result.error}: ${result.reason}`
    return result.error === 'refused_address'
      ? { kind: 'rejected', status: null, reason: 'rejected', error }
      : { kind: 'retry', status: null, afterSeconds: null, error }
  }
  const { answer } = result
  const { status } = answer
  if (acceptedStatuses.has(status)) {
    return { kind: 'sent', status }
  }
  if (status === 404 || status === 410) {
    return { kind: 'gone', status }
  }
  const error = describe(answer)
  if (status === 429 || status === 408 || status >= 500) {
    return { kind: 'retry', status, afterSeconds: retryAfterSeconds(answer, now), error }
  }
  return { kind: 'rejected', status, reason: status === 413 ? 'too_large' : 'rejected', error }
}

function retryAfterSeconds({ headers }: OutboundAnswer, now: Date): number | null {
  const seconds = parseRetryAfter(headers['retry-after'], now)
  return seconds === null ? null : Math.min(seconds, maxRetryAfterSeconds)
}

function describe({ status, body }: OutboundAnswer): string {
  const explanation = body
    .toString('utf8')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, maxExplanationLength)
  return `the push service answered ${status}${explanation && `: ${explanation}`}`
}
