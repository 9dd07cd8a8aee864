import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { appChanges } from '../announcements.ts'
import type { Deps } from '../deps.ts'
import { refusals } from '../platform/errors.ts'
import { lockApp, updateApp } from './app-store.ts'

/** What an app's identity secret is encrypted for. */
const identityContext = (appId: string) => `identity-secret:${appId}`

/**
 * Makes the secret with which an app's backend signs who its users are. Signatures by the one before it are refused from
 * then on.
 *
 * @returns the secret, `id_live_` and 43 base64url characters
 * @throws 404 when the app is gone
 */
export async function rotateIdentitySecret(
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'apps'>,
  appId: string,
): Promise<string> {
  const secret = `id_live_${randomBytes(32).toString('base64url')}`
  const identitySecret = deps.crypto.encrypt(secret, identityContext(appId))
  await deps.db.transaction().execute(async (trx) => {
    if (!(await lockApp(trx, appId))) throw refusals.notFound()
    await updateApp(trx, appId, { identitySecret }, deps.clock.now())
    await appChanges.announce(trx, [appId])
  })
  deps.apps.forget(appId)
  return secret
}

/**
 * Whether a signature says who the user is: the lower-case hex HMAC-SHA256 of the `user_id`, keyed by the app's identity
 * secret as it is shown.
 */
export function isSignedIdentity(
  { crypto }: Pick<Deps, 'crypto'>,
  app: { id: string; identitySecret: Uint8Array },
  userId: string,
  signature: string,
): boolean {
  const secret = crypto.decrypt(app.identitySecret, identityContext(app.id))
  const expected = Buffer.from(createHmac('sha256', secret).update(userId).digest('hex'))
  // In bytes: as many characters can be more of them.
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
