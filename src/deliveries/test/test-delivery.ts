import type { Deps } from '../../deps.ts'
import type { EventType } from '../../events/catalog.ts'
import { refusals } from '../../platform/errors.ts'
import { maskedValue } from '../../webhooks/webhook-schema.ts'
import { type Attempt, attemptMessage } from '../attempt/attempt-delivery.ts'
import type { Target } from '../attempt/target.ts'
import { type DueWebhook, selectDueWebhooks } from '../due-webhook-store.ts'
import { readLaneTarget } from '../lane/lane-target.ts'
import { firstKnown, sampleMessage } from './sample-message.ts'

export type TestDelivery = Pick<Attempt, 'durationMs' | 'outcome' | 'requestHeaders'>

/**
 * Sends a sample event to a webhook, enabled or not, and waits for the answer. It is sent like a real attempt, but is
 * neither recorded nor counted.
 *
 * @param event absent: the first event that the webhook names
 * @throws 404 when the app has no such webhook; 422 when its deliveries wait because it cannot be read
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
  const target = readTarget(deps, webhook)
  const type = event ?? firstKnown(webhook.events)
  const message = sampleMessage(type, appId, now, webhook.batch !== null)
  const attempt = await attemptMessage(deps, message, target)
  const { status, error, reason } = attempt.outcome
  deps.log.info(
    { appId, webhookId, event: type, status, error, reason, ms: attempt.durationMs },
    'webhook.tested',
  )
  const masked = Object.fromEntries(webhook.headerNames.map((name) => [name, maskedValue]))
  return { ...attempt, requestHeaders: { ...attempt.requestHeaders, ...masked } }
}

function readTarget(deps: Pick<Deps, 'crypto'>, webhook: DueWebhook): Target {
  try {
    return readLaneTarget(deps, webhook).target
  } catch (error) {
    throw refusals.invalid({ webhook_id: [`its deliveries wait: ${(error as Error).message}`] })
  }
}
