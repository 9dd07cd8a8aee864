import { z } from 'zod'
import { presentDelivery } from '../deliveries/log/delivery-log-schema.ts'
import type { Deps } from '../deps.ts'
import { knownEvent } from '../events/event-schema.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { found, refusals } from '../platform/errors.ts'
import { documented } from '../platform/http/answers.ts'
import { cursorField, presentPage } from '../platform/http/cursor.ts'
import { page } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { momentField } from '../platform/http/time-window.ts'
import { readWebhook } from '../webhooks/webhook-reader-store.ts'
import { cancelReplay } from './cancel-replay.ts'
import { reportReplay } from './replay-job.ts'
import { presentReplay, replayDocs } from './replay-schema.ts'
import { holdReplay, listReplays, readReplay } from './replay-store.ts'
import { replayDelivery, startReplay } from './start-replay.ts'

/** The name of this list in cursors. */
const list = 'r'
const events = z
  .array(knownEvent)
  .min(1)
  .max(100)
  .transform((names) => [...new Set(names)])

/** Registers the routes that deliver events again: one delivery, or the events of a window. */
export function registerReplayRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'queue' | 'clock' | 'crypto' | 'log'>,
): void {
  const { db, clock } = deps
  server.post(
    '/push/apps/:app_id/webhooks/:webhook_id/deliveries/:delivery_id/replay',
    documented(replayDocs.deliver),
    async (request, reply) => {
      const { webhook_id: webhookId, delivery_id: deliveryId } = request.params
      return answerOnce(deps, request, reply, async (deps) => {
        const delivery = await replayDelivery(deps, request.app.id, webhookId, deliveryId)
        return { status: 202, data: presentDelivery(delivery) }
      })
    },
  )
  server.post(
    '/push/apps/:app_id/webhooks/:webhook_id/replay',
    documented(replayDocs.start, {
      body: z.object({
        since: momentField.describe('The start of the window; inclusive.'),
        until: momentField.optional().describe('The end of the window; exclusive. Default: now.'),
        events: events
          .optional()
          .describe('The events to deliver again; default: those that the webhook names.'),
        status: z
          .enum(['failed', 'all'])
          .default('failed')
          .describe('`failed`: only events that the webhook did not receive; `all`: every event.'),
      }),
    }),
    async (request, reply) => {
      const { since, until, events, status } = request.body
      const asked = { since, until, events, selection: status }
      return answerOnce(deps, request, reply, async (deps) => {
        const replay = await startReplay(deps, request.app.id, request.params.webhook_id, asked)
        return { status: 202, data: presentReplay(replay) }
      })
    },
  )
  server.get(
    '/push/apps/:app_id/webhooks/:webhook_id/replays',
    documented(replayDocs.list, {
      querystring: z.object({ limit: page.limit, cursor: cursorField(list) }),
    }),
    async (request) => {
      const webhook = found(await readWebhook(db, request.app.id, request.params.webhook_id))
      const { cursor, limit } = request.query
      const rows = await listReplays(db, request.app.id, webhook.id, { after: cursor, limit })
      return presentPage(list, rows, limit, presentReplay)
    },
  )
  server.get(
    '/push/apps/:app_id/webhooks/:webhook_id/replays/:replay_id',
    documented(replayDocs.read),
    async (request) => {
      const { webhook_id: webhookId, replay_id: replayId } = request.params
      return { data: presentReplay(found(await readReplay(db, request.app.id, webhookId, replayId))) }
    },
  )
  server.post(
    '/push/apps/:app_id/webhooks/:webhook_id/replays/:replay_id/cancel',
    documented(replayDocs.cancel),
    async (request, reply) => {
      const { webhook_id: webhookId, replay_id: replayId } = request.params
      return answerOnce(deps, request, reply, async ({ db }) => {
        const { before, after } = await db.transaction().execute(async (trx) => {
          const before = await holdReplay(trx, request.app.id, replayId)
          if (before?.webhookId !== webhookId) throw refusals.notFound()
          return { before, after: await cancelReplay(trx, before, clock.now()) }
        })
        if (after.status !== before.status) reportReplay(deps, request.app.id, after)
        return { status: 200, data: presentReplay(after) }
      })
    },
  )
}
