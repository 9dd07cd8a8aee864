import { z } from 'zod'
import type { EventType } from '../../events/catalog.ts'
import { anyEventSchema, eventDocs } from '../../events/event-schema.ts'
import type { LoggedEvent } from '../../events/event-store.ts'
import { toTimestamp } from '../../platform/clock.ts'
import { defineShape, groupedBy, one, pageOf } from '../../platform/http/answers.ts'
import { momentOfId } from '../../platform/ids.ts'
import { isObject } from '../../platform/is-object.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import { deliveryShape, presentDelivery } from './delivery-log-schema.ts'
import type { LoggedDelivery } from './delivery-log-store.ts'

interface ShownEvent {
  id: string
  event: EventType
  timestamp: string
  data: Record<string, unknown>
}

/** An event as the API shows it, the same as receivers get. If its body has an unknown format, its data is empty. */
export function presentEvent({ id, type, body }: LoggedEvent): ShownEvent {
  const event = orUndefined(() => JSON.parse(body))
  if (isObject(event?.data)) return event
  return { id, event: type as EventType, timestamp: toTimestamp(momentOfId(id)), data: {} }
}

/** An event and its deliveries. */
export function presentLoggedEvent(event: LoggedEvent, deliveries: LoggedDelivery[]) {
  return { ...presentEvent(event), deliveries: deliveries.map(presentDelivery) }
}

const { example } = eventDocs['notification.sent']

export const eventShape = defineShape<ReturnType<typeof presentEvent>>('Event', anyEventSchema, example)

type PresentedDelivery = ReturnType<typeof presentLoggedEvent>['deliveries'][number]

export const loggedEventShape = defineShape<ReturnType<typeof presentLoggedEvent>>(
  'LoggedEvent',
  z
    .intersection(
      eventShape.schema as typeof anyEventSchema,
      z.object({
        deliveries: z.array(deliveryShape.schema as z.ZodType<PresentedDelivery>).meta({
          description: 'Its deliveries to every webhook, newest first, replays included; at most 1,000.',
        }),
      }),
    )
    .describe('An event with its deliveries.'),
  { ...example, deliveries: [deliveryShape.example as PresentedDelivery] },
)

/** The OpenAPI description of the event log. */
export const eventLogDocs = groupedBy('events', {
  list: {
    operationId: 'listEvents',
    summary: "List an app's events, newest first",
    description:
      'An event is stored for `KRAFTER_RETENTION_DAYS` if a webhook of the app, enabled or not, named it when it happened.',
    answers: { 200: pageOf(eventShape, 'A page of events, each as webhooks receive it.') },
  },
  read: {
    operationId: 'readEvent',
    summary: 'Read an event and its deliveries',
    answers: { 200: one(loggedEventShape, 'The event.') },
  },
})
