import type { SubscriberRow, TargetOrOutcome } from '../channel.ts'
import { rejected } from '../outcome.ts'
import type { SubscriptionKeys } from './encrypt.ts'
import type { WebPushSettings } from './settings.ts'
import type { VapidKeys } from './vapid.ts'

/** A subscription with everything that encrypting and sending need. */
export interface WebPushTarget extends SubscriptionKeys {
  subscriberId: string
  userEpoch: number
  url: URL
  /** The key pair that the subscription was made with. */
  vapid: VapidKeys
}

export function toWebPushTarget(
  settings: WebPushSettings,
  row: SubscriberRow,
): TargetOrOutcome<WebPushTarget> {
  const { id: subscriberId, token, p256dh, auth, userEpoch } = row
  const url = URL.parse(token)
  if (!url) return { outcome: rejected('the endpoint is not a URL') }
  if (p256dh?.length !== 65 || auth?.length !== 16) {
    return { outcome: rejected('the subscription has no usable keys') }
  }
  const vapid = settings.keysOf(row.credential)
  if (typeof vapid === 'string') return { outcome: rejected(vapid) }
  return { target: { subscriberId, userEpoch, url, p256dh, auth, vapid } }
}
