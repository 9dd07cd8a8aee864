import { z } from 'zod'
import type { KnownApp } from '../../apps/app-store.ts'
import { isSignedIdentity } from '../../apps/identity.ts'
import type { Deps } from '../../deps.ts'
import { refusals } from '../../platform/errors.ts'
import { text } from '../../platform/http/fields.ts'
import { readSubscription, subscriptionFields } from '../read-subscription.ts'
import { type CheckedRegistration, checkRegistration, registrationBody } from '../registration-request.ts'

const { vapid_public_key, user_id, old_token, keep_unsubscribed } = registrationBody.shape

/** The fields that name a browser's subscription, in all forms that a registration takes. */
export const browserFields = {
  ...subscriptionFields,
  platform: z.literal('web').optional().describe('A browser.'),
}

/** The fields that a page may set on its own subscriber. None of them concerns anybody else. */
export const publicRegistrationBody = z.object({
  ...browserFields,
  vapid_public_key,
  user_id: user_id.meta({ description: 'Who the user is: with a `user_signature` only; null: nobody.' }),
  user_signature: text(64).nullish().meta({
    description: "Hex HMAC-SHA256 of `user_id`, keyed by the app's identity secret. Your backend makes it.",
  }),
  old_token,
  old_auth: text(100).nullish().meta({
    description: 'The `auth` key of the subscription of `old_token`, without which that does not count.',
  }),
  keep_unsubscribed,
})

type Body = z.infer<typeof publicRegistrationBody>

/**
 * Checks a page's registration: the browser's subscription must be with a push service and have its keys, and a user
 * must be signed by the app's backend.
 *
 * @throws 422 naming the field that is wrong
 */
export async function checkPublicRegistration(
  deps: Pick<Deps, 'guard' | 'crypto' | 'clock' | 'config'>,
  app: KnownApp,
  body: Body,
): Promise<CheckedRegistration> {
  const { user_signature: _, old_auth: oldAuth, ...fields } = body
  const given = { ...fields, platform: 'web' as const, user_id: checkUser(deps, app, body) }
  const { token, tokenName, keys, keysName } = readSubscription(given)
  if (!keys) throw refusals.invalid({ [keysName]: ['is required'] })
  if (!isPushHost(deps.config.publicPushHosts, token)) {
    throw refusals.invalid({
      [tokenName]: ['must be an endpoint of a push service (KRAFTER_PUBLIC_PUSH_HOSTS)'],
    })
  }
  const checked = await checkRegistration(deps, app, given)
  // Text that is not base64url gives bytes that match no subscriber.
  return { ...checked, proof: { oldAuth: oldAuth ? Buffer.from(oldAuth, 'base64url') : undefined } }
}

/** @returns undefined: the user does not change */
function checkUser(
  deps: Pick<Deps, 'crypto' | 'clock'>,
  app: KnownApp,
  { user_id: userId, user_signature: signature }: Body,
): string | null | undefined {
  const { identitySecret, publicRegistration } = app
  if (typeof userId !== 'string') {
    if (publicRegistration?.require_identity) throw refusals.invalid({ user_id: ['is required by this app'] })
    return userId
  }
  if (!identitySecret) {
    const message = 'cannot be verified: create the identity secret of the app with rotate-identity-secret'
    throw refusals.invalid({ user_id: [message] })
  }
  if (!signature) throw refusals.invalid({ user_signature: ['is required with user_id'] })
  if (!isSignedIdentity(deps, { ...app, identitySecret }, userId, signature)) {
    throw refusals.invalid({
      user_signature: ["is not a signature of this user_id with the app's identity secret"],
    })
  }
  return userId
}

/**
 * Whether an endpoint is at one of the hosts: `fcm.googleapis.com`, `*.push.apple.com` for all subdomains, or `*` for
 * any host. Without this check, clients without an API key could make the service post anywhere.
 */
export function isPushHost(hosts: readonly string[], endpoint: string): boolean {
  const host = URL.parse(endpoint)?.hostname
  if (host === undefined) return false
  return hosts.some((allowed) => {
    if (allowed === '*') return true
    return allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed
  })
}
