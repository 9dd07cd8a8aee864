import type { Deps } from '../../deps.ts'
import type { Attempt, Parcel } from '../attempt/attempt-delivery.ts'
import { deliverSpan } from '../attempt/deliver-span.ts'

/** Reports an attempt: one log line, one count, and a span for each delivery. */
export function reportAttempt(
  deps: Pick<Deps, 'log' | 'metrics' | 'traces'>,
  parcel: Parcel,
  attempt: Attempt,
): void {
  const { deliveries, webhook, batched } = parcel
  const { traces } = deps
  if (traces) for (const each of deliveries) traces.record(deliverSpan(each, parcel, attempt))
  const { succeeded, error, reason, status } = attempt.outcome
  const delivery = deliveries[0]!
  deps.metrics.attempts.inc({ outcome: error ?? 'succeeded' })
  deps.metrics.attemptSeconds.observe(attempt.durationMs / 1_000)
  // Successes are logged at debug only: they can be thousands a second, and the attempts table has them all.
  deps.log[succeeded ? 'debug' : 'info'](
    {
      appId: delivery.appId,
      webhookId: webhook.id,
      deliveryId: delivery.id,
      eventId: delivery.eventId,
      event: delivery.eventType,
      events: batched ? deliveries.length : undefined,
      attempt: delivery.attemptCount + 1,
      attemptId: attempt.id,
      status,
      error,
      reason,
      ms: attempt.durationMs,
    },
    'delivery.attempted',
  )
}
