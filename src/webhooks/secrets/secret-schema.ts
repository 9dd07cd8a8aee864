import { z } from 'zod'
import { toTimestampOrNull } from '../../platform/clock.ts'
import { defineShape, idOf, one, type RouteDocs, timestampField } from '../../platform/http/answers.ts'

/** The only answer that contains a secret. */
export function presentRotation(webhookId: string, secret: string, previousUntil: Date | null) {
  return {
    webhook_id: webhookId,
    secret,
    previous_secret_expires_at: toTimestampOrNull(previousUntil),
  }
}

const rotationShape = defineShape<ReturnType<typeof presentRotation>>(
  'SecretRotation',
  z
    .object({
      webhook_id: idOf('webhook'),
      secret: z.string().meta({ description: 'The new secret. Only this answer shows it.' }),
      previous_secret_expires_at: timestampField
        .nullable()
        .meta({ description: 'Until when the previous secret signs as well; null: it does not.' }),
    })
    .describe('A new secret for a webhook.'),
  {
    webhook_id: '01996d60-5b2e-7a4c-8e0d-2f7c3a9b5d42',
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    previous_secret_expires_at: '2026-06-02T08:05:00Z',
  },
)

/** The API description of the secret routes. */
export const secretDocs = {
  operationId: 'rotateSecret',
  summary: "Replace a webhook's secret",
  description:
    'Without a secret in the body, one is generated. During the overlap, `webhook-signature` carries both signatures, and `x-krafter-signature-previous` is sent in addition to `x-krafter-signature`.',
  tags: ['webhooks'],
  bodyExample: { overlap_seconds: 86_400 },
  answers: { 200: one(rotationShape, 'The new secret. It is not shown again.') },
} satisfies RouteDocs
