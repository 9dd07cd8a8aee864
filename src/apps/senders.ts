import type { Sender } from '../channels/channel.ts'
import type { Deps } from '../deps.ts'
import { vapidKeyContext } from './change-app.ts'
import { readSendingApps } from './vapid-pair-store.ts'

/** An app as far as sending for it goes. */
export interface SendingApp {
  settings: Record<string, unknown>
  /**
   * The app's identity towards push services for recipients whose subscriptions were made with a key pair.
   *
   * @throws DecryptionError when the pair was encrypted with a key that is not configured
   * @throws Error when the app has no such pair
   */
  senderOf(vapidPair: number): Sender
}

/** Reads apps and their key pairs: two statements, however many there are. @returns by id; without those that are gone */
export async function readSenders(
  deps: Pick<Deps, 'db' | 'crypto'>,
  appIds: readonly string[],
): Promise<Map<string, SendingApp>> {
  const apps = await readSendingApps(deps.db, appIds)
  return new Map(
    apps.map(({ id, settings, pairs }) => {
      const senderOf = (vapidPair: number): Sender => {
        const pair = pairs.get(vapidPair)
        if (!pair) throw new Error(`the app has no key pair ${vapidPair}`)
        return {
          appId: id,
          vapidPublicKey: pair.publicKey,
          vapidPrivateKey: deps.crypto.decrypt(pair.privateKey, vapidKeyContext(id)),
        }
      }
      return [id, { settings, senderOf }]
    }),
  )
}
