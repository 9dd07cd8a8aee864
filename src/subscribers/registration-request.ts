import { z } from 'zod'
import { findVapidPairs } from '../apps/vapid-pair-store.ts'
import { parseSubscriptionKeys } from '../channels/web-push/encrypt.ts'
import { normalizeVapidPublicKey } from '../channels/web-push/vapid-keys.ts'
import type { Platform } from '../database.ts'
import type { Deps } from '../deps.ts'
import type { Db } from '../platform/db/db.ts'
import { refusals } from '../platform/errors.ts'
import { jsonObject, requiredText, text } from '../platform/http/fields.ts'
import { describedAs } from '../platform/openapi/components.ts'
import { readSubscription, subscriptionFields, tokenField } from './read-subscription.ts'
import type { Registration, SubscriberKeys } from './subscriber-change.ts'
import { checkToken, respellToken } from './subscriber-token.ts'

const maxMetadataBytes = 16_384

export const tagField = requiredText(100)
export const userIdField = text(255)

/** The fields besides the device that registrations and changes may set on a subscriber. */
export const optionalFields = {
  vapid_public_key: text(200)
    .nullish()
    .describe(
      "Which of the app's VAPID keys the browser subscribed with. Default: the current one for a new subscriber; a known one keeps its own.",
    ),
  user_id: userIdField.nullish().describe('Your id of the user; null: nobody is signed in.'),
  tags: z
    .array(tagField)
    .max(100)
    .transform((tags) => [...new Set(tags)])
    .nullish()
    .describe('Tags to target the subscriber by; each once.'),
  metadata: jsonObject(maxMetadataBytes)
    .nullish()
    .describe(`Whatever you want to store with it; at most ${maxMetadataBytes} bytes of JSON.`),
}

export const registrationBody = z
  .object({
    ...subscriptionFields,
    ...optionalFields,
    old_token: tokenField.nullish().meta({
      description:
        'The token that the device had before, for browsers that renewed their subscription. Its subscriber gets the new token, unless another subscriber has that already.',
    }),
    keep_unsubscribed: z.boolean().default(false).meta({
      description:
        'Whether a subscriber that opted out stays unsubscribed. Set it when the user did not ask for notifications just now.',
    }),
  })
  .meta(describedAs('RegisterSubscriberRequest'))

/** A registration that names its key pair by public key; the pair's number is not known yet. */
export interface CheckedRegistration extends Omit<Registration, 'vapidPair'> {
  vapidKey: string | undefined
}

/**
 * Checks a requested registration. For a web endpoint, this resolves the host name.
 *
 * @throws 422 naming the field that is wrong
 */
export async function checkRegistration(
  deps: Pick<Deps, 'guard'>,
  app: { id: string; vapidPair: number },
  body: z.infer<typeof registrationBody>,
): Promise<CheckedRegistration> {
  const { platform, keys, keysName, ...given } = readSubscription(body)
  const checkedKeys = checkKeys(platform, keys, keysName)
  return {
    appId: app.id,
    platform,
    token: await checkToken(deps, platform, given.token, given.tokenName),
    oldToken: typeof body.old_token === 'string' ? respellToken(platform, body.old_token) : undefined,
    keys: checkedKeys ?? null,
    vapidKey: namedKey(platform, body.vapid_public_key),
    currentVapidPair: app.vapidPair,
    userId: body.user_id,
    // Clients that send every field send null for the fields that they do not set.
    tags: body.tags ?? undefined,
    metadata: body.metadata ?? undefined,
    keepUnsubscribed: body.keep_unsubscribed,
  }
}

/**
 * Finds the key pairs that an app's registrations name, and adds their numbers to the registrations.
 *
 * @returns each registration, or a 422 when the app has no such pair
 */
export async function findPairs<Given extends { vapidKey: string | undefined }>(
  db: Db,
  appId: string,
  given: readonly Given[],
): Promise<((Given & { vapidPair: number | undefined }) | Error)[]> {
  const named = new Set(given.flatMap(({ vapidKey }) => vapidKey ?? []))
  const pairs = await findVapidPairs(db, appId, [...named])
  return given.map((one) => {
    const vapidPair = one.vapidKey === undefined ? undefined : pairs.get(one.vapidKey)
    if (one.vapidKey === undefined || vapidPair !== undefined) return Object.assign(one, { vapidPair })
    return refusals.invalid({ vapid_public_key: ['is not a public key of this app'] })
  })
}

/** The public key that a subscription was made with, in its stored spelling. */
export function namedKey(platform: Platform, publicKey: string | null | undefined): string | undefined {
  if (platform !== 'web' || publicKey === undefined || publicKey === null) return undefined
  return normalizeVapidPublicKey(publicKey)
}

/**
 * @param name the request's name for the keys
 * @throws 422 naming the key that is wrong
 */
export function checkKeys(
  platform: Platform,
  given: { p256dh: string; auth: string } | undefined,
  name: string,
): SubscriberKeys | undefined {
  if (platform !== 'web' || !given) return undefined
  const parsed = parseSubscriptionKeys(given.p256dh, given.auth)
  if (!parsed.ok) throw refusals.invalid({ [`${name}.${parsed.field}`]: [parsed.message] })
  return parsed.keys
}
