import type { BatchSettings } from '../../database.ts'
import type { Deps } from '../../deps.ts'
import { DecryptionError } from '../../platform/crypto-at-rest.ts'
import { type Target, toTarget } from '../attempt/target.ts'
import type { DueWebhook } from '../due-webhook-store.ts'
import type { LaneSettings } from './lane.ts'

/** The destination of a lane's deliveries, and the limits that its webhook sets. */
interface LaneTarget {
  target: Target
  settings: LaneSettings
}

/**
 * Reads the destination and limits of a webhook's deliveries.
 *
 * @throws when the webhook's secrets cannot be decrypted, or its address, signature or settings have a format that this
 *   version does not know
 */
export function readLaneTarget(deps: Pick<Deps, 'crypto'>, webhook: DueWebhook): LaneTarget {
  const target = toTarget(deps, webhook)
  const { rateLimit, maxInFlight, batch, ordered } = webhook
  if (batch && !isKnown(batch)) throw new Error('its batch settings have an unknown format')
  if (![null, 'all', 'subscriber_id'].includes(ordered)) throw new Error('its order is unknown')
  if (![rateLimit ?? 1, maxInFlight ?? 1].every(isPositive)) throw new Error('its limits are not positive')
  return { target, settings: { host: target.url.host, rateLimit, maxInFlight, batch, ordered } }
}

/** @returns null where {@link readLaneTarget} throws. The error is logged for an operator to correct; other lanes continue. */
export function toLaneTarget(deps: Pick<Deps, 'crypto' | 'log'>, webhook: DueWebhook): LaneTarget | null {
  try {
    return readLaneTarget(deps, webhook)
  } catch (error) {
    const told = { err: error, webhookId: webhook.id }
    if (error instanceof DecryptionError) deps.log.error(told, 'webhook.secret_unreadable')
    else deps.log.error(told, 'webhook.unreadable')
    return null
  }
}

function isKnown({ max_events, max_wait_ms, max_bytes }: BatchSettings): boolean {
  return [max_events, max_wait_ms + 1, max_bytes ?? 1].every(isPositive)
}

function isPositive(value: number): boolean {
  return Number.isInteger(value) && value > 0
}
