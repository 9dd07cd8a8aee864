import { getOrInsert } from '../../platform/get-or-insert.ts'
import type { ChannelApp } from '../channel.ts'
import type { VapidKeys } from './vapid.ts'

/** What Web Push needs from an app. */
export interface WebPushSettings {
  /** @returns the key pair with this number, or the reason why there is none */
  keysOf(number: number): VapidKeys | string
}

/** The app's VAPID key pairs. A pair is decrypted for the first subscription that was made with it. */
export function readWebPushSettings({ credentials }: ChannelApp): WebPushSettings {
  const known = new Map<number, VapidKeys | string>()
  const read = (number: number): VapidKeys | string => {
    const credential = credentials.get(number)
    if (!credential) return `the app has no key pair ${number}`
    try {
      return { publicKey: credential.publicPart, privateKey: Buffer.from(credential.readSecret()) }
    } catch (error) {
      return (error as Error).message
    }
  }
  return { keysOf: (number) => getOrInsert(known, number, read) }
}
