import { z } from 'zod'
import { keysField, subscriptionFields, tokenField } from './read-subscription.ts'
import { registrationBody } from './registration-request.ts'

const { endpoint: _, subscription: _whole, ...others } = registrationBody.shape
const { platform: _platform, token: _token, keys: _keys, expirationTime, ...common } = others
const keys = keysField.optional().meta({
  description: 'The keys of the subscription. Required, unless the endpoint is registered already.',
})

/** The forms of a registration, as the API's description shows them. `registrationBody` reads them all. */
export const registrationKinds = z
  .xor([
    z
      .object({
        platform: z.literal('web').meta({ description: 'A browser.' }),
        token: tokenField.meta({ description: "The endpoint of the browser's push subscription." }),
        keys,
        ...common,
      })
      .meta({ id: 'RegisterWebSubscriber', description: 'A browser, by the endpoint of its subscription.' }),
    z
      .object({
        platform: z.literal('web').optional().meta({ description: 'A browser.' }),
        endpoint: tokenField.meta({ description: 'Where the push service takes pushes for this browser.' }),
        keys,
        expirationTime,
        ...common,
      })
      .meta({
        id: 'RegisterBrowserSubscription',
        description: 'A browser, by the fields of its `PushSubscription.toJSON()`.',
      }),
    z
      .object({
        platform: z.literal('web').optional().meta({ description: 'A browser.' }),
        subscription: subscriptionFields.subscription
          .unwrap()
          .describe('The subscription as the browser gives it.'),
        ...common,
      })
      .meta({
        id: 'RegisterWholeSubscription',
        description: 'A browser, by the whole `PushSubscription.toJSON()` in one field.',
      }),
    z
      .object({
        platform: z.enum(['ios', 'android']).meta({ description: 'A device with an app of yours.' }),
        token: tokenField.meta({ description: 'The device token, from APNs or FCM.' }),
        ...common,
      })
      .meta({ id: 'RegisterDevice', description: 'A device, by its token.' }),
  ])
  .meta({ id: 'RegisterSubscriberRequest', description: 'A browser or a device to push to.' })
