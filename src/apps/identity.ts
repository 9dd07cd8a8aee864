import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { appChanges } from '../announcements.ts'
import type { Deps } from '../deps.ts'
import { found } from '../platform/errors.ts'
import { type KnownApp, replaceIdentitySecret } from './app-store.ts'
import type { KnownApps } from './known-apps.ts'

/** The encryption context of an app's identity secret. */
const identityContext = (appId: string) => `identity-secret:${appId}`

/**
 * Creates the secret with which an app's backend signs the ids of its users.
 *
 * @param overlapSeconds how long signatures by the previous secret are accepted as well
 * @returns the secret (`id_live_` and 43 base64url characters), and until when the previous secret is accepted; null:
 *   it is not accepted
 * @throws 404 when the app is gone
 */
export async function rotateIdentitySecret(
  deps: Pick<Deps, 'db' | 'clock' | 'crypto'> & { apps: KnownApps },
  appId: string,
  overlapSeconds: number,
): Promise<{ secret: string; previousUntil: Date | null }> {
  const secret = `id_live_${randomBytes(32).toString('base64url')}`
  const encrypted = deps.crypto.encrypt(secret, identityContext(appId))
  const now = deps.clock.now()
  const { previousUntil } = await deps.db.transaction().execute(async (trx) => {
    const replaced = found(await replaceIdentitySecret(trx, appId, encrypted, overlapSeconds, now))
    await appChanges.announce(trx, [appId])
    return replaced
  })
  deps.apps.forget(appId)
  return { secret, previousUntil }
}

/** The app fields that {@link isSignedIdentity} needs. */
export type IdentityKeys = Pick<
  KnownApp,
  'id' | 'previousIdentitySecret' | 'previousIdentitySecretExpiresAt'
> & { identitySecret: Uint8Array }

/**
 * Whether a signature proves the user's identity. It must be the lower-case hex HMAC-SHA256 of the `user_id`, keyed by
 * the app's identity secret as it is shown, or by the previous secret while that is accepted.
 */
export function isSignedIdentity(
  { crypto, clock }: Pick<Deps, 'crypto' | 'clock'>,
  app: IdentityKeys,
  userId: string,
  signature: string,
): boolean {
  const { id, identitySecret, previousIdentitySecret: previous, previousIdentitySecretExpiresAt: until } = app
  const isOverlapping = previous && until && until > clock.now()
  return [identitySecret, ...(isOverlapping ? [previous] : [])].some((encrypted) =>
    isSignatureBy(crypto.decrypt(encrypted, identityContext(id)), userId, signature),
  )
}

function isSignatureBy(secret: Uint8Array, userId: string, signature: string): boolean {
  const expected = Buffer.from(createHmac('sha256', secret).update(userId).digest('hex'))
  // Compares lengths in bytes: the same number of characters can take more bytes.
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}
