import { type EventName, isKnownEvent, type ReceivedEvent, type WebhookEvent } from './events.ts'

/** What to do with each event. What throws or rejects is answered 500, and the delivery comes again. */
export type EventHandlers = {
  readonly [Name in EventName]?: (event: WebhookEvent<Name>) => unknown
} & {
  /** For events without a handler of their own, those of a newer server included. Default: they are passed over. */
  readonly otherwise?: (event: ReceivedEvent) => unknown
}

/** Calls the event's handler and waits for it. */
export async function handleEvent(event: ReceivedEvent, handlers: EventHandlers): Promise<void> {
  const own = isKnownEvent(event) ? handlers[event.event] : undefined
  const handle = (own ?? handlers.otherwise) as ((event: ReceivedEvent) => unknown) | undefined
  await handle?.(event)
}
