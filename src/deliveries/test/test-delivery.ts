import type { Deps } from '../../deps.ts'
import type { EventType } from '../../events/catalog.ts'
import { refusals } from '../../platform/errors.ts'
import { maskedValue } from '../../webhooks/webhook-schema.ts'
import { type Attempt, attemptMessage } from '../attempt/attempt-delivery.ts'
import { toTarget } from '../attempt/target.ts'
import { selectDueWebhooks } from '../due-webhook-store.ts'
import { sampleMessage } from './sample-message.ts'

export type TestDelivery = Pick<Attempt, 'durationMs' | 'outcome' | 'requestHeaders'>

/**
 * Sends a sample event to a webhook, enabled or not, and waits for the answer. It is sent like a real attempt, but is
 * neither recorded nor counted.
 *
 * @param event absent: the first event that the webhook names
 * @throws 404 when the app has no such webhook
 */
export async function sendTestDelivery(
  deps: Pick<Deps, 'db' | 'crypto' | 'outbound' | 'clock' | 'config' | 'version' | 'log' | 'traces'>,
  appId: string,
  webhookId: string,
  event: EventType | undefined,
): Promise<TestDelivery> {
  const now = deps.clock.now()
  const webhook = await selectDueWebhooks(deps.db, now)
    .select(['events', 'header_names as headerNames'])
    .where('app_id', '=', appId)
    .where('id', '=', webhookId)
    .executeTakeFirst()
  if (!webhook) throw refusals.notFound()
  const type = event ?? (webhook.events[0] as EventType | undefined) ?? 'notification.sent'
  const message = sampleMessage(type, appId, now, webhook.batch !== null)
  const attempt = await attemptMessage(deps, message, toTarget(deps, webhook))
  const { status, error, reason } = attempt.outcome
  deps.log.info(
    { appId, webhookId, event: type, status, error, reason, ms: attempt.durationMs },
    'webhook.tested',
  )
  const masked = Object.fromEntries(webhook.headerNames.map((name) => [name, maskedValue]))
  return { ...attempt, requestHeaders: { ...attempt.requestHeaders, ...masked } }
}
