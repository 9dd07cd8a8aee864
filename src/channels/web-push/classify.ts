import type { OutboundAnswer, OutboundResult } from '../../outbound/outbound.ts'
import { maxRetryAfterSeconds, parseRetryAfter } from '../../outbound/retry-after.ts'
import type { Outcome } from '../outcome.ts'
import { explainAnswer } from './explain-answer.ts'

const acceptedStatuses = new Set([200, 201, 202, 204])

/** WNS throttles with 406 where others answer 429. */
const retriedStatuses = new Set([406, 408, 429])

/** Statuses that report a refused key: RFC 8292 asks for 401 and 403, Apple was seen to answer 400. */
const keyRefusalStatuses = new Set([400, 401, 403])

/**
 * How push services say that a subscription was made with another key: Apple (`VapidPkHashMismatch`, `BadJwtToken`),
 * Mozilla (`VAPID public key mismatch`), FCM (`the VAPID credentials … do not correspond to …`).
 */
const keyRefusal =
  /VapidPkHashMismatch|BadJwtToken|public key mismatch|not correspond to the (credentials|sender)|UnauthorizedRegistration/i

/**
 * Turns a push service's answer, or the lack of one, into an outcome (RFC 8030 §5, §7.3; RFC 8292 §4).
 *
 * @param now the time that a Retry-After date is relative to
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
  const wns = wnsStatus(answer)
  if (acceptedStatuses.has(status) && wns !== 'channelthrottled' && wns !== 'dropped') {
    return { kind: 'sent', status }
  }
  if (status === 404 || status === 410) {
    return { kind: 'gone', status }
  }
  const explanation = explainAnswer(answer)
  const error = `the push service answered ${status}${explanation && `: ${explanation}`}`
  if (retriedStatuses.has(status) || status >= 500 || (status < 300 && wns === 'channelthrottled')) {
    return { kind: 'retry', status, afterSeconds: retryAfterSeconds(answer, now), error }
  }
  if (keyRefusalStatuses.has(status) && keyRefusal.test(explanation)) {
    return { kind: 'rejected', status, reason: 'rejected', error, keyRefusal: { acceptedAt: null } }
  }
  return { kind: 'rejected', status, reason: status === 413 ? 'too_large' : 'rejected', error }
}

/** Whether a push service refuses the topic of a push, not the push itself: Apple's `BadWebPushTopic`. */
export function refusesTopic(result: OutboundResult): boolean {
  return result.ok && result.answer.status === 400 && /topic/i.test(explainAnswer(result.answer))
}

/** What WNS did with a push: WNS may answer 200 and still drop the push. */
function wnsStatus({ headers }: OutboundAnswer): string {
  return String(headers['x-wns-notificationstatus'] ?? '').toLowerCase()
}

function retryAfterSeconds({ headers }: OutboundAnswer, now: Date): number | null {
  const seconds = parseRetryAfter(headers['retry-after'], now)
  // No wait, or a time in the past: the usual backoff applies, or a service that is down would be asked all the time.
  return seconds ? Math.min(seconds, maxRetryAfterSeconds) : null
}
