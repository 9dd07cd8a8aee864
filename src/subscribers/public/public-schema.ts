import { z } from 'zod'
import { platformField } from '../../events/catalog.ts'
import { defineShape, groupedBy, idOf, one } from '../../platform/http/answers.ts'
import type { Subscriber } from '../subscriber-reader-store.ts'
import { exampleEndpoint, exampleKeys, subscriberStatusField } from '../subscriber-schema.ts'

export const keyField = z
  .string()
  .regex(/^pk_live_[0-9a-f]{32}$/, 'must be a publishable key')
  .meta({ description: "The app's publishable key: `pk_live_` and 32 hexadecimal digits." })

/** A subscriber as its own page sees it, without anything that a backend stored about the user. */
export function presentPublicSubscriber({ id, appId, platform, status }: Subscriber) {
  return { id, app_id: appId, platform, status }
}

const subscriberShape = defineShape<ReturnType<typeof presentPublicSubscriber>>(
  'PublicSubscriber',
  z
    .object({
      id: idOf('subscriber'),
      app_id: idOf('app'),
      platform: platformField,
      status: subscriberStatusField,
    })
    .describe('A subscriber as its own page sees it.'),
  {
    id: '01996d61-77d0-7c35-b1f4-90a3e2d6c853',
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    platform: 'web',
    status: 'active',
  },
)

const appShape = defineShape<{ app_id: string; vapid_public_key: string }>(
  'PublicApp',
  z
    .object({
      app_id: idOf('app'),
      vapid_public_key: z.string().meta({ description: 'What the browser has to subscribe with.' }),
    })
    .describe('What a page needs to subscribe.'),
  {
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    vapid_public_key:
      'BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8',
  },
)

const access =
  "Takes the app's publishable key instead of an API key, from the origins that the app's `public_registration` allows; preflights are answered for these alone. Requests count in the `public` rate limit of the client's address."
const bodyExample = { endpoint: exampleEndpoint, keys: exampleKeys }

/** What the API's description says about the routes for pages without a backend. */
export const publicDocs = groupedBy('subscribers', {
  app: {
    operationId: 'readPublicApp',
    summary: 'Read what a page needs to subscribe',
    description: access,
    answers: { 200: one(appShape, 'The app and its VAPID public key.') },
  },
  register: {
    operationId: 'registerPublicSubscriber',
    summary: 'Register a browser from its page',
    description: [
      access,
      'Only a browser can be registered, with its keys, at a push service that the install allows (`KRAFTER_PUBLIC_PUSH_HOSTS`). A token that is registered already is changed only by whoever has the same keys, and `old_token` counts only with the `auth` of its subscription in `old_auth`: nobody can take another device over. Tags and metadata cannot be set, and a `user_id` only with a `user_signature` by your backend.',
    ].join('\n\n'),
    bodyExample: {
      ...bodyExample,
      user_id: 'user-1',
      user_signature: 'b8ac1e1d0f4d2c1c4b6b4b53b9a3c6fd13b6f5a5f1f0b2f5d0a6a1f2e3d4c5b6',
    },
    answers: {
      200: one(subscriberShape, 'The token was known: its subscriber as it is now.'),
      201: one(subscriberShape, 'A new subscriber.'),
    },
  },
  unsubscribe: {
    operationId: 'unsubscribePublicSubscriber',
    summary: 'Opt out, from the page',
    description: `${access}\n\nThe subscriber is the one that has the token and the same keys. The answer does not tell whether there is one.`,
    bodyExample,
    answers: { 204: { description: 'It has opted out, if it is there.' } },
  },
})
