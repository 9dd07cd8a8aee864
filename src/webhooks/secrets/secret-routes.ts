import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { answerOnce } from '../../idempotency/answer-once.ts'
import { found } from '../../platform/errors.ts'
import { documented } from '../../platform/http/answers.ts'
import { overlapField } from '../../platform/http/secret-overlap.ts'
import type { Server } from '../../platform/http/server.ts'
import { outlastRun } from '../outlast-run.ts'
import { rotateSecret } from '../webhook-store.ts'
import { presentRotation, secretDocs } from './secret-schema.ts'
import { encryptSecret, generateSecret, secretField } from './webhook-secrets.ts'

const body = z.object({
  secret: secretField
    .refine((secret) => secret !== '', 'must not be empty')
    .optional()
    .describe('The new secret; default: one is generated.'),
  overlap_seconds: overlapField('signs as well'),
})

/** Registers the route that replaces a webhook's secret while the previous secret still signs. */
export function registerSecretRoutes(server: Server, deps: Pick<Deps, 'db' | 'clock' | 'crypto'>): void {
  const { clock } = deps
  server.post(
    '/push/apps/:app_id/webhooks/:webhook_id/rotate-secret',
    {
      ...documented(secretDocs, { body }),
      // The new secret may have been stored in the transaction of the answer, so only now does the wait begin.
      onSend: async (_, reply) => {
        if (reply.statusCode === 200) await outlastRun({ ordered: 'all' })
      },
    },
    async (request, reply) => {
      const id = request.params.webhook_id
      return answerOnce(deps, request, reply, async ({ db }) => {
        const { secret = generateSecret(), overlap_seconds: overlapSeconds } = request.body
        const now = clock.now()
        const encrypted = encryptSecret(deps, id, secret)!
        const rotated = found(await rotateSecret(db, request.app.id, id, encrypted, overlapSeconds, now))
        return { status: 200, data: presentRotation(id, secret, rotated.previousUntil) }
      })
    },
  )
}
