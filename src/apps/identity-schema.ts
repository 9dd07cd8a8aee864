import { z } from 'zod'
import { defineShape, idOf, one, type RouteDocs } from '../platform/http/answers.ts'

/** The one answer that has the secret in it. */
export function presentIdentitySecret(appId: string, secret: string) {
  return { app_id: appId, identity_secret: secret }
}

const identitySecretShape = defineShape<ReturnType<typeof presentIdentitySecret>>(
  'IdentitySecret',
  z
    .object({
      app_id: idOf('app'),
      identity_secret: z.string().meta({ description: 'The new secret. Only this answer shows it.' }),
    })
    .describe('The secret that your backend signs user ids with.'),
  {
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    identity_secret: 'id_live_yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  },
)

/** What the API's description says about the routes of identities. */
export const identityDocs = {
  rotate: {
    operationId: 'rotateIdentitySecret',
    summary: "Create an app's identity secret, or replace it",
    description:
      'Your backend signs with it who a user is, for registrations with the publishable key: `user_signature` is the hex HMAC-SHA256 of the `user_id`, keyed by this secret as it is shown. The secret before it is refused at once.',
    tags: ['apps'],
    answers: { 200: one(identitySecretShape, 'The new secret, this once.') },
  },
} satisfies Record<string, RouteDocs>
