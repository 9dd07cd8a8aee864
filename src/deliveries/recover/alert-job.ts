import type { Deps } from '../../deps.ts'
import { readEvent } from '../../events/event-store.ts'
import type { ClaimedJob } from '../../platform/queue.ts'
import { type Alert, alert } from '../../queues.ts'
import { attemptMessage } from '../attempt/attempt-delivery.ts'
import { decideAfterAttempt } from '../record/retry-policy.ts'

/** Requests to the operator's alert URL have no signature and no headers of their own. */
const unsigned = { keys: { secret: null, previousSecret: null, ed25519: null }, headers: {} }

/**
 * Handles an alert: POSTs the event to `KRAFTER_ALERT_WEBHOOK_URL`, with the same body and `webhook-id` on every
 * attempt. It is retried like a delivery; when the schedule is used up, an error is logged.
 */
export async function runAlert(
  deps: Pick<
    Deps,
    'db' | 'queue' | 'clock' | 'random' | 'config' | 'log' | 'outbound' | 'traces' | 'version'
  >,
  job: ClaimedJob<Alert>,
): Promise<void> {
  const { appId, eventId, attemptCount } = job.message
  const { alertWebhookUrl, retryScheduleSeconds } = deps.config
  const event = alertWebhookUrl === undefined ? undefined : await readEvent(deps.db, appId, eventId)
  const attempt =
    event &&
    (await attemptMessage(
      deps,
      { id: event.id, event: event.type, body: event.body, extra: {} },
      { url: new URL(alertWebhookUrl!), ...unsigned },
    ))
  const number = attemptCount + 1
  const decision = attempt && decideAfterAttempt(number, attempt.outcome, retryScheduleSeconds, deps.random())
  await deps.db.transaction().execute(async (trx) => {
    const isOurs = await deps.queue.settle(trx, alert, job)
    if (!isOurs || decision?.kind !== 'retry') return
    const { delaySeconds } = decision
    // The retry gets a new id: pg-boss completes this job's id when the handler returns, and would confuse the two.
    await deps.queue.enqueue(trx, alert, [
      { delaySeconds, message: { appId, eventId, attemptCount: number } },
    ])
  })
  if (!attempt) return
  const { status, error, reason } = attempt.outcome
  const told = { appId, eventId, attempt: number, status, error, reason, ms: attempt.durationMs }
  if (decision!.kind === 'failed') deps.log.error(told, 'alert.failed')
  else deps.log.info(told, 'alert.attempted')
}
