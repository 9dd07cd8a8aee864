import { orUndefined } from '../../platform/or-undefined.ts'

/** An event as a webhook receives it. */
export interface SentEvent {
  id: string
  type: string
  body: string
}

/**
 * Returns the subject of the trace in which an event is delivered. A `notification.sent` event belongs to the trace of
 * its notification. Every other event has its own trace; otherwise a notification to a million subscribers would have a
 * million spans.
 *
 * @returns a UUID
 */
export function traceSubjectOf({ id, type, body }: SentEvent): string {
  if (type !== 'notification.sent') return id
  // A body in a format that this version does not know has none.
  return orUndefined(() => JSON.parse(body).data.notification_id) ?? id
}
