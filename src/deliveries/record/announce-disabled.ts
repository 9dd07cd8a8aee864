import { laneChanges, laneName } from '../../announcements.ts'
import type { Deps } from '../../deps.ts'
import type { Trx } from '../../platform/db/db.ts'
import { alert } from '../../queues.ts'
import { emitEvents } from '../publish-event.ts'
import type { Disabled } from './record-health.ts'

/**
 * Announces webhooks that were disabled because of their attempts, in the transaction that disables them. Their lanes
 * start no more attempts. Each causes a `webhook.disabled` event for the app's other webhooks that name it, and an alert
 * to the operator where an alert URL is configured.
 */
export async function announceDisabled(
  trx: Trx,
  deps: Pick<Deps, 'queue' | 'config'>,
  disabled: readonly Disabled[],
  now: Date,
): Promise<void> {
  if (disabled.length === 0) return
  await laneChanges.announce(trx, disabled.map(laneName))
  const events = disabled.map(({ appId, webhookId, url, reason, failureCount }) => ({
    appId,
    type: 'webhook.disabled' as const,
    occurredAt: now,
    data: { app_id: appId, webhook_id: webhookId, url, reason, failure_count: failureCount },
  }))
  const isAlerted = deps.config.alertWebhookUrl !== undefined
  const kept = await emitEvents(trx, events, isAlerted)
  if (!isAlerted) return
  await deps.queue.enqueue(
    trx,
    alert,
    kept.map(({ appId, id }) => ({ id, message: { appId, eventId: id, attemptCount: 0 } })),
  )
}
