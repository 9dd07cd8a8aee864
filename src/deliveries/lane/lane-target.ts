import type { BatchSettings } from '../../database.ts'
import type { Deps } from '../../deps.ts'
import { DecryptionError } from '../../platform/crypto-at-rest.ts'
import { type Target, toTarget } from '../attempt/target.ts'
import type { DueWebhook } from '../delivery-store.ts'
import type { LaneSettings } from './lane.ts'

/**
 * Where a lane's deliveries go, and the limits that its webhook sets.
 *
 * @returns null when the webhook's secrets do not decrypt, or it has an address or batches of a form that this version
 *   does not know; it is logged. An operator has to correct that, and the other lanes go on.
 */
export function toLaneTarget(
  deps: Pick<Deps, 'crypto' | 'log'>,
  webhook: DueWebhook,
): { target: Target; settings: LaneSettings } | null {
  try {
    const target = toTarget(deps, webhook)
    const { rateLimit, maxInFlight, batch, ordered } = webhook
    if (batch && !isKnown(batch)) throw new Error('its batch settings have an unknown format')
    return { target, settings: { host: target.url.host, rateLimit, maxInFlight, batch, ordered } }
  } catch (error) {
    const told = { err: error, webhookId: webhook.id }
    if (error instanceof DecryptionError) deps.log.error(told, 'webhook.secret_unreadable')
    else deps.log.error(told, 'webhook.unreadable')
    return null
  }
}

function isKnown({ max_events, max_wait_ms, max_bytes }: BatchSettings): boolean {
  return [max_events, max_wait_ms, max_bytes ?? 1].every(Number.isInteger)
}
