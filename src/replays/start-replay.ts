import { holdApp } from '../apps/app-lock-store.ts'
import { insertDeliveries } from '../deliveries/delivery-store.ts'
import { type LoggedDelivery, readDelivery } from '../deliveries/log/delivery-log-store.ts'
import { presentEvent } from '../deliveries/log/event-log-schema.ts'
import { subscriberOf } from '../deliveries/publish-event.ts'
import type { Deps } from '../deps.ts'
import { readEvent } from '../events/event-store.ts'
import type { Trx } from '../platform/db/db.ts'
import { found, refusals } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { replayStep } from '../queues.ts'
import { readWebhook, type Webhook } from '../webhooks/webhook-reader-store.ts'
import { insertReplay, type Replay } from './replay-store.ts'

/** A requested replay: all events of a window, or only those that the webhook did not receive. */
export interface ReplayRequest {
  since: Date
  /** Exclusive; absent: now. */
  until: Date | undefined
  /** Absent: the event types that the webhook names. */
  events: string[] | undefined
  selection: 'failed' | 'all'
}

/**
 * Accepts a replay: inserts its row and enqueues its first step in one transaction.
 *
 * @throws 404 when the app has no such webhook; 422 when it is disabled or the window is not valid
 */
export async function startReplay(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  appId: string,
  webhookId: string,
  asked: ReplayRequest,
): Promise<Replay> {
  return deps.db.transaction().execute(async (trx) => {
    const now = deps.clock.now()
    const webhook = await requireEnabled(trx, appId, webhookId)
    const { since, until = now, selection } = asked
    checkReplayWindow(since, until, now)
    const events = asked.events ?? webhook.events
    if (events.length === 0) throw refusals.invalid({ events: ['the webhook names none: say which'] })
    const id = newId()
    const replay = await insertReplay(trx, {
      id,
      app_id: appId,
      webhook_id: webhookId,
      webhook_generation: webhook.generation,
      since,
      until,
      events,
      selection,
      created_at: now,
    })
    await deps.queue.enqueue(trx, replayStep, [{ message: { appId, replayId: id } }])
    return replay
  })
}

/**
 * Delivers the event of a delivery again, whatever the outcome of the first delivery.
 *
 * @returns the new delivery
 * @throws 404 when the webhook has no such delivery; 422 when it is disabled or the event is past the retention
 */
export async function replayDelivery(
  deps: Pick<Deps, 'db' | 'queue' | 'clock'>,
  appId: string,
  webhookId: string,
  deliveryId: string,
): Promise<LoggedDelivery> {
  return deps.db.transaction().execute(async (trx) => {
    const { generation } = await requireEnabled(trx, appId, webhookId)
    const { eventId } = found(await readDelivery(trx, appId, webhookId, deliveryId))
    const event = await readEvent(trx, appId, eventId)
    if (!event) throw refusals.invalid({ event_id: ['the event is past the retention'] })
    const subscriberId = subscriberOf(presentEvent(event).data)
    const again = [{ appId, event, webhookId, generation, subscriberId }]
    const [id] = await insertDeliveries(trx, again, deps.clock.now())
    return found(await readDelivery(trx, appId, webhookId, id!))
  })
}

async function requireEnabled(trx: Trx, appId: string, webhookId: string): Promise<Webhook> {
  const webhook = (await holdApp(trx, appId)) && (await readWebhook(trx, appId, webhookId))
  if (!webhook) throw refusals.notFound()
  if (!webhook.enabled) throw refusals.invalid({ enabled: ['the webhook is disabled: enable it first'] })
  return webhook
}

function checkReplayWindow(since: Date, until: Date, now: Date): void {
  const details: Record<string, string[]> = {}
  if (since > now) details.since = ['must not be in the future']
  else if (since >= until) details.since = ['must be before until']
  if (until > now) details.until = ['must not be in the future']
  if (Object.keys(details).length > 0) throw refusals.invalid(details)
}
