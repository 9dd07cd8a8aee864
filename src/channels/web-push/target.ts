import type { ChannelApp, Credential, SubscriberRow, TargetOrOutcome } from '../channel.ts'
import { rejected } from '../outcome.ts'
import type { SubscriptionKeys } from './encrypt.ts'

/** A subscription with everything that encrypting and sending need. */
export interface WebPushTarget extends SubscriptionKeys {
  subscriberId: string
  userEpoch: number
  url: URL
  /** The VAPID key pair that the subscription was made with. */
  vapid: Credential
}

export function toWebPushTarget(
  credentials: ChannelApp['credentials'],
  row: SubscriberRow,
): TargetOrOutcome<WebPushTarget> {
  const { id: subscriberId, token, p256dh, auth, userEpoch } = row
  const url = URL.parse(token)
  if (!url) return { outcome: rejected('the endpoint is not a URL') }
  if (p256dh?.length !== 65 || auth?.length !== 16) {
    return { outcome: rejected('the subscription has no usable keys') }
  }
  const vapid = credentials.get(row.credential)
  if (!vapid) return { outcome: rejected(`the app has no key pair ${row.credential}`) }
  return { target: { subscriberId, userEpoch, url, p256dh, auth, vapid } }
}
