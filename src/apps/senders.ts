import type { Sender } from '../channels/channel.ts'
import type { Deps } from '../deps.ts'
import { vapidKeyContext } from './change-app.ts'
import { readVapidPairs } from './vapid-pair-store.ts'

/** An app's current key pair, as its row has it. */
export interface CurrentVapidPair {
  appId: string
  vapidPair: number
  vapidPublicKey: string
  /** Encrypted at rest. */
  vapidPrivateKey: Uint8Array
}

/**
 * The app's identities towards push services, one per key pair that recipients' subscriptions were made with.
 *
 * @param numbers of the pairs that are needed; the current one costs no statement
 */
export async function readSenders(
  deps: Pick<Deps, 'db' | 'crypto'>,
  current: CurrentVapidPair,
  numbers: readonly number[],
): Promise<(vapidPair: number) => Sender> {
  const { appId } = current
  const senderOf = (publicKey: string, privateKey: Uint8Array): Sender => ({
    appId,
    vapidPublicKey: publicKey,
    vapidPrivateKey: deps.crypto.decrypt(privateKey, vapidKeyContext(appId)),
  })
  const former = [...new Set(numbers)].filter((number) => number !== current.vapidPair)
  const senders = new Map<number, Sender>()
  senders.set(current.vapidPair, senderOf(current.vapidPublicKey, current.vapidPrivateKey))
  for (const [number, { publicKey, privateKey }] of await readVapidPairs(deps.db, appId, former)) {
    senders.set(number, senderOf(publicKey, privateKey))
  }
  return (vapidPair) => {
    const sender = senders.get(vapidPair)
    if (!sender) throw new Error(`app ${appId} has no key pair ${vapidPair}`)
    return sender
  }
}
