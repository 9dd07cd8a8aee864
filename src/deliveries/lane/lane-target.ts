import type { Deps } from '../../deps.ts'
import { type Target, toTarget } from '../attempt/target.ts'
import type { DueWebhook } from '../delivery-store.ts'
import type { LaneSettings } from './lane.ts'

/**
 * Where a lane's deliveries go, and the limits that its webhook sets.
 *
 * @returns null when the webhook's secrets do not decrypt; it is logged. An operator has to correct that, and the other
 *   lanes go on.
 */
export function toLaneTarget(
  deps: Pick<Deps, 'crypto' | 'log'>,
  webhook: DueWebhook,
): { target: Target; settings: LaneSettings } | null {
  try {
    const target = toTarget(deps, webhook)
    const { rateLimit, maxInFlight, batch, ordered } = webhook
    return { target, settings: { host: target.url.host, rateLimit, maxInFlight, batch, ordered } }
  } catch (error) {
    deps.log.error({ err: error, webhookId: webhook.id }, 'webhook.secret_unreadable')
    return null
  }
}
