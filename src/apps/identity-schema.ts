import { z } from 'zod'
import { toTimestampOrNull } from '../platform/clock.ts'
import { defineShape, idOf, one, type RouteDocs, timestampField } from '../platform/http/answers.ts'

/** The only answer that contains the secret. */
export function presentIdentitySecret(
  appId: string,
  { secret, previousUntil }: { secret: string; previousUntil: Date | null },
) {
  return {
    app_id: appId,
    identity_secret: secret,
    previous_secret_expires_at: toTimestampOrNull(previousUntil),
  }
}

const identitySecretShape = defineShape<ReturnType<typeof presentIdentitySecret>>(
  'IdentitySecret',
  z
    .object({
      app_id: idOf('app'),
      identity_secret: z.string().meta({ description: 'The new secret. Only this answer shows it.' }),
      previous_secret_expires_at: timestampField.nullable().meta({
        description: 'Until when signatures by the previous secret are accepted as well; null: they are not.',
      }),
    })
    .describe('The secret that your backend signs user ids with.'),
  {
    app_id: '01996d5e-0c1a-7e60-9d52-6a1f8f0b7c11',
    identity_secret: 'id_live_yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
    previous_secret_expires_at: '2026-06-02T08:05:00Z',
  },
)

/** What the API's description says about the routes of identities. */
export const identityDocs = {
  operationId: 'rotateIdentitySecret',
  summary: "Create an app's identity secret, or replace it",
  description:
    'Your backend signs with it who a user is, for registrations with the publishable key: `user_signature` is the hex HMAC-SHA256 of the `user_id`, keyed by this secret as it is shown. During the overlap, signatures by the previous secret are accepted as well.',
  tags: ['apps'],
  bodyExample: { overlap_seconds: 86_400 },
  answers: { 200: one(identitySecretShape, 'The new secret, this once.') },
} satisfies RouteDocs
