import { z } from 'zod'
import { toTimestamp } from '../platform/clock.ts'
import { createdAt, defineShape, groupedBy, idOf, one, pageOf, updatedAt } from '../platform/http/answers.ts'
import type { App } from './app-store.ts'
import { publicRegistrationField } from './public-registration.ts'

/** An app as the API shows it. */
export function presentApp(app: App) {
  return {
    id: app.id,
    name: app.name,
    vapid_public_key: app.vapidPublicKey,
    subscriber_count: app.subscriberCount,
    settings: app.settings ?? {},
    created_at: toTimestamp(app.createdAt),
    updated_at: toTimestamp(app.updatedAt),
    vapid_public_keys: [app.vapidPublicKey, ...app.formerPublicKeys],
    publishable_key: app.publishableKey,
    public_registration: app.publicRegistration,
    has_identity_secret: app.hasIdentitySecret,
  }
}

type ShownApp = ReturnType<typeof presentApp>

const settingsSchema = z
  .looseObject({
    default_icon: z.string().optional().describe('The icon of notifications that name none: a URL.'),
    default_url: z.string().optional().describe('What a click opens where a notification names no URL.'),
  })
  .meta({ id: 'AppSettings', description: 'Defaults for notifications, and whatever else you store here.' })

const fields = {
  id: idOf('app'),
  name: z.string().describe('A name for people.'),
  vapid_public_key: z
    .string()
    .meta({ description: 'The key that browsers subscribe with: a P-256 point, base64url.' }),
  subscriber_count: z.int().describe('How many active subscribers the app has.'),
  settings: settingsSchema,
  created_at: createdAt,
  updated_at: updatedAt,
  vapid_public_keys: z.array(z.string()).meta({
    description:
      'The public keys of all key pairs of the app, the current one first. A subscription keeps the pair that it was made with.',
  }),
  publishable_key: z.string().meta({
    description: 'With which pages register their browsers without a backend. It is not a secret.',
  }),
  public_registration: publicRegistrationField.nullable(),
  has_identity_secret: z.boolean().meta({
    description: 'Whether signed identities can be verified: `rotate-identity-secret` makes the secret.',
  }),
}

const publicKey = 'BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8'

const example = {
  id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
  name: 'My shop',
  vapid_public_key: publicKey,
  subscriber_count: 1204,
  settings: { default_icon: 'https://shop.example/icon.png' },
  created_at: '2026-06-01T08:00:00Z',
  updated_at: '2026-06-01T08:00:00Z',
  vapid_public_keys: [publicKey],
  publishable_key: 'pk_live_3f2a9c0e7b1d4e6f8a5c2b9d0e1f7a64',
  public_registration: { origins: ['https://shop.example'], require_identity: false },
  has_identity_secret: true,
}

export const appShape = defineShape<ShownApp>(
  'App',
  z.object(fields).describe('An app: its subscribers, notifications and webhooks belong together.'),
  example,
)

export const createdAppShape = defineShape<ShownApp & { vapid_private_key: string }>(
  'CreatedApp',
  z
    .object({
      ...fields,
      vapid_private_key: z
        .string()
        .meta({ description: 'The private key: 32 bytes, base64url. Only this answer shows it.' }),
    })
    .describe('An app, with the private key that only the answer to its creation shows.'),
  { ...example, subscriber_count: 0, vapid_private_key: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw' },
)

const bodyExample = {
  name: 'My shop',
  settings: { default_icon: 'https://shop.example/icon.png' },
  public_registration: { origins: ['https://shop.example'] },
}

/** What the API's description says about the routes of apps. */
export const appDocs = groupedBy('apps', {
  list: {
    operationId: 'listApps',
    summary: 'List apps',
    answers: {
      200: pageOf(appShape, "The apps of the key's team, oldest first."),
    },
  },
  create: {
    operationId: 'createApp',
    summary: 'Create an app and its VAPID keys',
    description:
      'Without `vapid_public_key` and `vapid_private_key` a pair is generated. To keep existing subscriptions, give the pair that they were made with. Only this answer shows the private key.',
    bodyExample,
    answers: { 201: one(createdAppShape, 'The app.') },
  },
  read: { operationId: 'readApp', summary: 'Read an app', answers: { 200: one(appShape, 'The app.') } },
  update: {
    operationId: 'updateApp',
    summary: 'Change an app',
    description:
      'Only the given fields change; `settings` are replaced as a whole. A new VAPID key pair applies to new subscriptions: existing ones keep theirs.',
    bodyExample,
    answers: { 200: one(appShape, 'The changed app.') },
  },
  delete: {
    operationId: 'deleteApp',
    summary: 'Delete an app and everything in it',
    answers: { 204: { description: 'The app is deleted.' } },
  },
})
