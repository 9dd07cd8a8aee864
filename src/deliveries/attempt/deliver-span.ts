import type { FinishedSpan } from '../../platform/traces/traces.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import type { Attempt, Parcel } from './attempt-delivery.ts'
import { traceSubjectOf } from './trace-subject.ts'

/** The span of an attempt, in the trace of the event's notification or of the event. */
export function deliverSpan(
  delivery: PendingDelivery,
  { webhook, target }: Pick<Parcel, 'webhook' | 'target'>,
  { id, startedAt, durationMs, outcome: { status, error, reason }, traceSubject }: Attempt,
): FinishedSpan {
  const { appId, eventId, eventType, body, attemptCount } = delivery
  const subjectId = traceSubject ?? traceSubjectOf({ id: eventId, type: eventType, body })
  return {
    name: 'deliver',
    kind: 'client',
    subjectId,
    id,
    hasParent: subjectId !== eventId,
    endedAt: new Date(startedAt.getTime() + durationMs),
    durationMs,
    attributes: {
      'krafter.app_id': appId,
      'krafter.webhook_id': webhook.id,
      'krafter.event_id': eventId,
      'krafter.event': eventType,
      'krafter.attempt': attemptCount + 1,
      'http.request.method': 'POST',
      'http.response.status_code': status,
      'server.address': target.url.hostname,
      'error.type': error === 'status' ? String(status) : error,
    },
    error: error && (reason ?? `the receiver answered ${status}`),
  }
}
