import { z } from 'zod'
import { platformField } from '../events/catalog.ts'
import { platforms } from '../message-content.ts'
import { refusals } from '../platform/errors.ts'
import { requiredText, text } from '../platform/http/fields.ts'

export const tokenField = requiredText(4_096)
export const keysField = z
  .object({
    p256dh: text(200).describe("The browser's public key: a P-256 point, base64url."),
    auth: text(100).describe('The authentication secret: 16 bytes, base64url.'),
  })
  .meta({ id: 'SubscriptionKeys', description: "The keys of a browser's push subscription." })

const expirationTime = z.number().nullish().meta({
  description:
    'As browsers give it, in milliseconds. It is not used: push services report when a subscription ends.',
})

/** The fields that name the device: the API's own, or a `PushSubscription.toJSON()`, spread out or whole. */
export const subscriptionFields = {
  platform: platformField
    .optional()
    .meta({ description: 'Required, unless `endpoint` or `subscription` says that it is `web`.' }),
  token: tokenField
    .optional()
    .meta({ description: 'Required, unless `endpoint` or `subscription` is given.' }),
  keys: keysField
    .optional()
    .meta({ description: 'Required for `web`, unless the token is registered already.' }),
  endpoint: tokenField.optional().meta({ description: "Another name for a web subscription's `token`." }),
  expirationTime,
  subscription: z
    .object({
      endpoint: tokenField.describe('Where the push service takes pushes for this browser.'),
      expirationTime,
      keys: keysField.optional().describe('Required, unless the endpoint is registered already.'),
    })
    .optional()
    .meta({ description: 'A whole `PushSubscription.toJSON()`, in place of `token` and `keys`.' }),
}

const fields = z.object(subscriptionFields)

/**
 * Reads the subscription in a registration, and the names of its fields in the request.
 *
 * @throws 422 when the body names no device, or two different ones
 */
export function readSubscription(body: z.infer<typeof fields>) {
  const { subscription } = body
  const endpoints = Object.entries({
    endpoint: body.endpoint,
    'subscription.endpoint': subscription?.endpoint,
  })
  const named = [['token', body.token] as const, ...endpoints].filter(([, value]) => value !== undefined)
  const isBrowsers = body.endpoint !== undefined || subscription !== undefined
  const platform = body.platform ?? (isBrowsers ? 'web' : undefined)
  const [first, ...others] = named as [string, string][]
  const details: Record<string, string[]> = {}
  if (!platform) details.platform = [`must be one of ${platforms.join(', ')}`]
  if (isBrowsers && platform !== 'web') details.platform = ['must be web with the subscription of a browser']
  if (!first) details.token = ['is required']
  for (const [name, value] of others) {
    if (value !== first![1]) details[name] = [`must be the same as ${first![0]}`]
  }
  if (Object.keys(details).length > 0) throw refusals.invalid(details)
  return {
    platform: platform!,
    token: first![1],
    keys: subscription?.keys ?? body.keys,
    tokenName: first![0],
    keysName: subscription?.keys ? 'subscription.keys' : 'keys',
  }
}
