import { z } from 'zod'
import { eventTypes } from '../../events/catalog.ts'
import { eventDocs } from '../../events/event-schema.ts'
import type { presentEvent } from '../../events/event-store.ts'
import {
  defineShape,
  idField,
  one,
  pageOf,
  type RouteDocs,
  timestampField,
} from '../../platform/http/answers.ts'
import { deliveryShape } from './delivery-log-schema.ts'
import type { presentLoggedEvent } from './event-routes.ts'

const eventFields = {
  id: idField,
  event: z.enum(eventTypes),
  timestamp: timestampField,
  data: z.record(z.string(), z.unknown()),
}
const { example } = eventDocs['notification.sent']

export const eventShape = defineShape<ReturnType<typeof presentEvent>>(
  'Event',
  z.object(eventFields),
  example,
)

export const loggedEventShape = defineShape<ReturnType<typeof presentLoggedEvent>>(
  'LoggedEvent',
  z.object({
    ...eventFields,
    deliveries: z
      .array(deliveryShape.schema as z.ZodType<ReturnType<typeof presentLoggedEvent>['deliveries'][number]>)
      .meta({ description: 'Newest first, of every webhook, replays included; 1,000 at most.' }),
  }),
  {
    ...example,
    deliveries: [deliveryShape.example as ReturnType<typeof presentLoggedEvent>['deliveries'][number]],
  },
)

const tags = ['events']

/** What the API's description says about the log of events. */
export const eventLogDocs = {
  list: {
    operationId: 'listEvents',
    summary: "List an app's events, newest first",
    description:
      'Kept (for `KRAFTER_RETENTION_DAYS`) is an event that some webhook of the app named when it happened, enabled or not. `until` is exclusive.',
    tags,
    answers: { 200: pageOf(eventShape, 'A page of events, each as receivers get it.') },
  },
  read: {
    operationId: 'readEvent',
    summary: 'Read an event, and what became of its deliveries',
    tags,
    answers: { 200: one(loggedEventShape, 'The event.') },
  },
} satisfies Record<string, RouteDocs>
