import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { found } from '../platform/errors.ts'
import { documented } from '../platform/http/answers.ts'
import {
  batchBodyLimitBytes,
  checkRows,
  presentRow,
  rowsField,
  withGoodRows,
} from '../platform/http/batch.ts'
import { cursorField, presentPage } from '../platform/http/cursor.ts'
import { page } from '../platform/http/fields.ts'
import type { Server } from '../platform/http/server.ts'
import { checkPayload } from './accept-notifications.ts'
import { createAcceptor } from './acceptor.ts'
import { listNotifications, readNotification } from './notification-reader-store.ts'
import { notificationBody, toRequest } from './notification-request.ts'
import { notificationDocs, notificationStatusField, presentNotification } from './notification-schema.ts'

/** The maximum number of notifications in one batch. */
const maxBatch = 100
/** The name of this list in cursors. */
const list = 'n'

/** Registers the routes of notifications: contract section 4. */
export function registerNotificationRoutes(
  server: Server,
  deps: Pick<Deps, 'db' | 'clock' | 'crypto' | 'channels' | 'traces'>,
): void {
  const { db } = deps
  const callerOf = ({ headers }: FastifyRequest) => deps.traces && headers.traceparent?.toString()
  const acceptor = createAcceptor(deps)
  server.get(
    '/push/apps/:app_id/notifications',
    documented(notificationDocs.list, {
      querystring: z.object({
        status: notificationStatusField.optional().describe('Only notifications with this status.'),
        ...page,
        cursor: cursorField(list),
      }),
    }),
    async (request) => {
      const { cursor: after, ...query } = request.query
      const rows = await listNotifications(db, request.app.id, { ...query, after })
      return presentPage(list, rows, query.limit, presentNotification)
    },
  )
  server.post(
    '/push/apps/:app_id/notifications',
    documented(notificationDocs.create, {
      body: notificationBody,
    }),
    async (request, reply) => {
      const asked = toRequest(request.app, request.body, deps.clock.now(), callerOf(request))
      return answerOnce(deps, request, reply, async (deps) => ({
        status: 201,
        data: await acceptor.accept(deps, asked),
      }))
    },
  )
  server.post(
    '/push/apps/:app_id/notifications/batch',
    {
      bodyLimit: batchBodyLimitBytes,
      ...documented(notificationDocs.createBatch, {
        body: z.object({
          notifications: rowsField(notificationBody, maxBatch).describe('What to send, row by row.'),
        }),
      }),
    },
    async (request, reply) => {
      const now = deps.clock.now()
      const asked = await checkRows(request.body.notifications, (row) => {
        const one = toRequest(request.app, row, now, callerOf(request))
        checkPayload(deps.channels, one)
        return one
      })
      return answerOnce(deps, request, reply, async (deps) => {
        const results = await withGoodRows(asked, (good) => acceptor.acceptAll(deps, good))
        const rows = results.map((data) => (data instanceof Error ? data : { status: 201, data }))
        return { status: 200, data: rows.map((row) => presentRow(row, request.log)) }
      })
    },
  )
  server.get(
    '/push/apps/:app_id/notifications/:notification_id',
    documented(notificationDocs.read),
    async (request) => {
      return {
        data: presentNotification(
          found(await readNotification(db, request.app.id, request.params.notification_id)),
        ),
      }
    },
  )
}
