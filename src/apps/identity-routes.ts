import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { documented } from '../platform/http/answers.ts'
import { overlapField } from '../platform/http/secret-overlap.ts'
import type { Server } from '../platform/http/server.ts'
import { rotateIdentitySecret } from './identity.ts'
import { identityDocs, presentIdentitySecret } from './identity-schema.ts'
import type { KnownApps } from './known-apps.ts'

/** The body is optional: clients from before it had fields send none. */
const body = z.preprocess(
  (given) => given ?? {},
  z.object({ overlap_seconds: overlapField('is accepted as well') }),
)

/** The route that creates the secret with which an app's backend signs identities. */
export function registerIdentityRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'clock' | 'crypto'> & { apps: KnownApps },
): void {
  server.post(
    '/push/apps/:app_id/rotate-identity-secret',
    documented(identityDocs, { body }),
    async (request, reply) => {
      return answerOnce(deps, request, reply, async ({ db }) => {
        const rotated = await rotateIdentitySecret(
          { ...deps, db },
          request.app.id,
          request.body.overlap_seconds,
        )
        return { status: 200, data: presentIdentitySecret(request.app.id, rotated) }
      })
    },
  )
}
