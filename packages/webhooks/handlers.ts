import { type EventName, isKnownEvent, type ReceivedEvent, type WebhookEvent } from './events.ts'

/** A handler for each event. If a handler throws or rejects, the answer is 500 and the service retries the delivery. */
export type EventHandlers = {
  readonly [Name in EventName]?: (event: WebhookEvent<Name>) => unknown
} & {
  /** Handles events without their own handler, including events from a newer server. Default: they are ignored. */
  readonly otherwise?: (event: ReceivedEvent) => unknown
}

/** Calls the event's handler and waits for it. */
export async function handleEvent(event: ReceivedEvent, handlers: EventHandlers): Promise<void> {
  const own = isKnownEvent(event) ? handlers[event.event] : undefined
  const handle = (own ?? handlers.otherwise) as ((event: ReceivedEvent) => unknown) | undefined
  await handle?.(event)
}
