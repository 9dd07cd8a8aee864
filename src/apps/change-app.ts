import { isDeepStrictEqual } from 'node:util'
import { appChanges } from '../announcements.ts'
import type { VapidKeys } from '../channels/web-push/vapid-keys.ts'
import type { Deps } from '../deps.ts'
import type { Trx } from '../platform/db/db.ts'
import { found, refusals } from '../platform/errors.ts'
import { lockApp } from './app-lock-store.ts'
import { type AppChange, updateApp } from './app-store.ts'
import type { KnownApps } from './known-apps.ts'
import { checkIdentityRequirement } from './public-registration.ts'
import { maxVapidPairs, storeVapidPair, type VapidPair } from './vapid-pair-store.ts'

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
  deps: Pick<Deps, 'db' | 'clock' | 'crypto'> & { apps: KnownApps },
  id: string,
  change: Omit<AppChange, 'vapidPair'> & { vapidKeys?: VapidKeys },
): Promise<void> {
  const { vapidKeys, name, settings, publicRegistration } = change
  const now = deps.clock.now()
  await deps.db.transaction().execute(async (trx) => {
    const before = found(await lockApp(trx, id))
    checkIdentityRequirement(publicRegistration, before.hasIdentitySecret)
    const isNewPair = vapidKeys !== undefined && vapidKeys.publicKey !== before.vapidPublicKey
    const isChanged =
      isNewPair ||
      (name !== undefined && name !== before.name) ||
      (settings !== undefined && !isDeepStrictEqual(settings, before.settings)) ||
      (publicRegistration !== undefined && !isDeepStrictEqual(publicRegistration, before.publicRegistration))
    if (!isChanged) return
    const vapidPair = isNewPair ? await replaceVapidPair(deps, trx, id, vapidKeys, now) : undefined
    await updateApp(trx, id, { name, settings, publicRegistration, vapidPair }, now)
    await appChanges.announce(trx, [id])
  })
  deps.apps.forget(id)
}

/** @throws 422 when the app has too many key pairs */
async function replaceVapidPair(
  { crypto }: Pick<Deps, 'crypto'>,
  trx: Trx,
  appId: string,
  { publicKey, privateKey }: VapidKeys,
  now: Date,
): Promise<VapidPair> {
  const pair = { publicKey, privateKey: crypto.encrypt(privateKey, vapidKeyContext(appId)) }
  const number = await storeVapidPair(trx, appId, pair, now)
  if (number !== undefined) return { ...pair, number }
  const message = `the app has ${maxVapidPairs} key pairs, and cannot have more`
  throw refusals.invalid({ vapid_public_key: [message] })
}
