import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { createGroupRead } from '../engine/group-read.ts'
import { answerOnceAfter } from '../idempotency/answer-once.ts'
import { found } from '../platform/errors.ts'
import { documented } from '../platform/http/answers.ts'
import { cursorField, presentPage } from '../platform/http/cursor.ts'
import { shortListLimit } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { changeWebhook } from './change-webhook.ts'
import { checkWebhook, createWebhook } from './create-webhook.ts'
import { outlastRun } from './outlast-run.ts'
import { listWebhooks, readWebhooks } from './webhook-reader-store.ts'
import { webhookBody, webhookChangeBody } from './webhook-request.ts'
import { presentWebhook, webhookDocs } from './webhook-schema.ts'
import { deleteWebhook } from './webhook-store.ts'

/** The name of this list in cursors. */
const list = 'w'

/** Registers the routes of webhooks: contract section 2. */
export function registerWebhookRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'crypto' | 'guard' | 'config'>,
): void {
  const { db } = deps
  const readOne = createGroupRead(
    (keys: readonly { appId: string; id: string }[]) => readWebhooks(db, keys),
    ({ appId, id }) => `${appId}:${id}`,
  )
  const { maxFilterBytes } = deps.config
  server.get(
    '/push/apps/:app_id/webhooks',
    documented(webhookDocs.list, {
      querystring: z.object({ limit: shortListLimit, cursor: cursorField(list) }),
    }),
    async (request) => {
      const { limit, cursor } = request.query
      const rows = await listWebhooks(db, request.app.id, { after: cursor, limit })
      return presentPage(list, rows, limit, presentWebhook)
    },
  )
  server.post(
    '/push/apps/:app_id/webhooks',
    documented(webhookDocs.create, { body: webhookBody(maxFilterBytes) }),
    async (request, reply) => {
      const check = () => checkWebhook(deps, request.app.id, request.body)
      return answerOnceAfter(check, deps, request, reply, async (deps, webhook) => ({
        status: 201,
        data: presentWebhook(await createWebhook(deps, webhook)),
      }))
    },
  )
  server.get('/push/apps/:app_id/webhooks/:webhook_id', documented(webhookDocs.read), async (request) => {
    return {
      data: presentWebhook(found(await readOne({ appId: request.app.id, id: request.params.webhook_id }))),
    }
  })
  server.patch(
    '/push/apps/:app_id/webhooks/:webhook_id',
    documented(webhookDocs.update, { body: webhookChangeBody(maxFilterBytes) }),
    async (request) => {
      const webhook = await changeWebhook(deps, request.app.id, request.params.webhook_id, request.body)
      return { data: presentWebhook(webhook) }
    },
  )
  server.delete(
    '/push/apps/:app_id/webhooks/:webhook_id',
    documented(webhookDocs.delete),
    async (request, reply) => {
      const deleted = await db
        .transaction()
        .execute((trx) => deleteWebhook(trx, request.app.id, request.params.webhook_id))
      await outlastRun(found(deleted))
      return reply.code(204).send()
    },
  )
}
