import { createECDH, randomBytes } from 'node:crypto'

/** A browser's subscription as `PushManager.subscribe()` gives it. */
export interface Subscription {
  endpoint: string
  keys: { p256dh: string; auth: string }
}

const distinctKeys = 500

/** So many that no cache of points helps, so few that making them takes no time. */
export function makeSubscriptions(origin: string): Subscription[] {
  return Array.from({ length: distinctKeys }, (_, i) => {
    const p256dh = createECDH('prime256v1').generateKeys('base64url')
    return { endpoint: `${origin}/push/${i}`, keys: { p256dh, auth: randomBytes(16).toString('base64url') } }
  })
}
