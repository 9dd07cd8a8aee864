import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { eventTypeField } from '../../events/event-schema.ts'
import { readEvent } from '../../events/event-store.ts'
import { found } from '../../platform/errors.ts'
import { documented } from '../../platform/http/answers.ts'
import { cursorField, presentPage } from '../../platform/http/cursor.ts'
import { page } from '../../platform/http/fields.ts'
import type { Server } from '../../platform/http/server.ts'
import { checkWindow, toIdRange, windowFields } from '../../platform/http/time-window.ts'
import { readWebhook } from '../../webhooks/webhook-reader-store.ts'
import {
  deliveryLogDocs,
  deliveryStatusField,
  presentDelivery,
  presentLoggedDelivery,
} from './delivery-log-schema.ts'
import { listAttempts, listDeliveries, readDelivery } from './delivery-log-store.ts'
import { presentEvent } from './event-log-schema.ts'

/** The name of this list in cursors. */
const list = 'd'

/** Registers the routes of the delivery log. */
export function registerDeliveryLogRoutes(server: Server, deps: Pick<Deps, 'db' | 'clock'>): void {
  const { db, clock } = deps
  server.get(
    '/push/apps/:app_id/webhooks/:webhook_id/deliveries',
    documented(deliveryLogDocs.list, {
      querystring: z.object({
        status: deliveryStatusField.optional().describe('Only deliveries with this status.'),
        event: eventTypeField.optional().describe('Only deliveries of this event.'),
        ...windowFields,
        limit: page.limit,
        cursor: cursorField(list),
      }),
    }),
    async (request) => {
      const webhook = found(await readWebhook(db, request.app.id, request.params.webhook_id))
      const { status, event, cursor, limit, ...window } = request.query
      checkWindow(window, clock.now())
      const query = { status, event, after: cursor, limit, ...toIdRange(window) }
      const rows = await listDeliveries(db, request.app.id, webhook.id, query)
      return presentPage(list, rows, limit, presentDelivery)
    },
  )
  server.get(
    '/push/apps/:app_id/webhooks/:webhook_id/deliveries/:delivery_id',
    documented(deliveryLogDocs.read),
    async (request) => {
      const webhook = found(await readWebhook(db, request.app.id, request.params.webhook_id))
      const delivery = found(await readDelivery(db, request.app.id, webhook.id, request.params.delivery_id))
      const event = await readEvent(db, request.app.id, delivery.eventId)
      const attempts = await listAttempts(db, request.app.id, delivery.id)
      return { data: presentLoggedDelivery(delivery, event ? presentEvent(event) : null, attempts) }
    },
  )
}
