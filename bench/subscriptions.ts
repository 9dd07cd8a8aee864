import { createECDH, randomBytes } from 'node:crypto'

/** A browser's subscription as `PushManager.subscribe()` gives it. */
export interface Subscription {
  endpoint: string
  keys: { p256dh: string; auth: string }
}

const distinctKeys = 500

/** Enough distinct keys that caching their curve points does not help, and few enough to be created quickly. */
export function makeSubscriptions(origin: string): Subscription[] {
  return Array.from({ length: distinctKeys }, (_, i) => {
    const p256dh = createECDH('prime256v1').generateKeys('base64url')
    return { endpoint: `${origin}/push/${i}`, keys: { p256dh, auth: randomBytes(16).toString('base64url') } }
  })
}
