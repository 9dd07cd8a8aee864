import { isDeepStrictEqual } from 'node:util'
import { appChanges } from '../announcements.ts'
import type { VapidKeys } from '../channels/web-push/vapid-keys.ts'
import type { PublicRegistration } from '../database.ts'
import type { Deps } from '../deps.ts'
import { found, refusals } from '../platform/errors.ts'
import { lockApp } from './app-lock-store.ts'
import { updateApp } from './app-store.ts'
import { checkIdentityRequirement } from './public-registration.ts'
import { maxVapidPairs, replaceVapidPair } from './vapid-pair-store.ts'

/** The encryption context of an app's private keys. They can be decrypted only as keys of this app. */
export function vapidKeyContext(appId: string): string {
  return `vapid-private-key:${appId}`
}

/**
 * Changes the given fields. `updated_at` moves only if something changes. A given key pair becomes the current one;
 * subscriptions keep the pair that they were made with.
 *
 * @throws 404 when the app is gone; 422 when the app has too many key pairs, or requires identities without an identity
 *   secret
 */
export async function changeApp(
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'apps'>,
  id: string,
  change: {
    name?: string
    settings?: Record<string, unknown>
    publicRegistration?: PublicRegistration | null
    vapidKeys?: VapidKeys
  },
): Promise<void> {
  const { vapidKeys, name, settings, publicRegistration } = change
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const before = found(await lockApp(trx, id))
    checkIdentityRequirement(publicRegistration, before.hasIdentitySecret)
    if (vapidKeys) {
      const privateKey = deps.crypto.encrypt(vapidKeys.privateKey, vapidKeyContext(id))
      const replaced = await replaceVapidPair(trx, id, { publicKey: vapidKeys.publicKey, privateKey }, now)
      if (!replaced) {
        const message = `the app has ${maxVapidPairs} key pairs, and cannot have more`
        throw refusals.invalid({ vapid_public_key: [message] })
      }
    }
    const isChanged =
      (vapidKeys !== undefined && vapidKeys.publicKey !== before.vapidPublicKey) ||
      (name !== undefined && name !== before.name) ||
      (settings !== undefined && !isDeepStrictEqual(settings, before.settings)) ||
      (publicRegistration !== undefined && !isDeepStrictEqual(publicRegistration, before.publicRegistration))
    if (!isChanged) return
    await updateApp(trx, id, { name, settings, publicRegistration }, now)
    await appChanges.announce(trx, [id])
  })
  deps.apps.forget(id)
}
