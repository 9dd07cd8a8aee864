/** An event as it goes to a webhook. */
export interface SentEvent {
  id: string
  type: string
  body: string
}

/**
 * What the trace is about in which an event is delivered. The end of a notification belongs to the notification. Every
 * other event has a trace of its own, or a notification to a million subscribers would have a million spans.
 *
 * @returns a UUID
 */
export function traceSubjectOf({ id, type, body }: SentEvent): string {
  if (type !== 'notification.sent') return id
  try {
    return JSON.parse(body).data.notification_id ?? id
  } catch {
    // Of a form that this version does not know.
    return id
  }
}
