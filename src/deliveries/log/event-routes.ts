import { z } from 'zod'
import type { Deps } from '../../deps.ts'
import { eventTypeField } from '../../events/event-schema.ts'
import { listEvents, readEvent } from '../../events/event-store.ts'
import { found } from '../../platform/errors.ts'
import { documented } from '../../platform/http/answers.ts'
import { cursorField, presentPage } from '../../platform/http/cursor.ts'
import { page } from '../../platform/http/fields.ts'
import type { Server } from '../../platform/http/server.ts'
import { checkWindow, toIdRange, windowFields } from '../../platform/http/time-window.ts'
import { listDeliveriesOf } from './delivery-log-store.ts'
import { eventLogDocs, presentEvent, presentLoggedEvent } from './event-log-schema.ts'

/** The name of this list in cursors. */
const list = 'e'

/** Registers the routes of the event log. */
export function registerEventRoutes(server: Server, deps: Pick<Deps, 'db' | 'clock'>): void {
  const { db, clock } = deps
  server.get(
    '/push/apps/:app_id/events',
    documented(eventLogDocs.list, {
      querystring: z.object({
        event: eventTypeField.optional().describe('Only events of this name.'),
        ...windowFields,
        limit: page.limit,
        cursor: cursorField(list),
      }),
    }),
    async (request) => {
      const { event, cursor, limit, ...window } = request.query
      checkWindow(window, clock.now())
      const rows = await listEvents(db, request.app.id, { event, after: cursor, limit, ...toIdRange(window) })
      return presentPage(list, rows, limit, presentEvent)
    },
  )
  server.get('/push/apps/:app_id/events/:event_id', documented(eventLogDocs.read), async (request) => {
    const event = found(await readEvent(db, request.app.id, request.params.event_id))
    return { data: presentLoggedEvent(event, await listDeliveriesOf(db, request.app.id, event.id)) }
  })
}
