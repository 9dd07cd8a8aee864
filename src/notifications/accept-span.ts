import { parseTraceparent } from '../platform/traces/trace-context.ts'
import type { FinishedSpan, Taken } from '../platform/traces/traces.ts'

/**
 * The span that begins a notification's trace.
 *
 * @param traceparent the header of the request that asked for the notification
 */
export function acceptSpan(
  { id, app_id: appId }: { id: string; app_id: string },
  taken: Taken,
  traceparent: string | undefined,
): FinishedSpan {
  return {
    name: 'accept',
    kind: 'producer',
    subjectId: id,
    id,
    hasParent: false,
    ...taken,
    attributes: { 'krafter.app_id': appId, 'krafter.notification_id': id },
    causedBy: parseTraceparent(traceparent),
  }
}
