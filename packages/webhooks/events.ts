/** Where a subscriber receives its notifications. */
export type Platform = 'web' | 'ios' | 'android'

/** Why a push failed permanently. */
export type FailureReason = 'gone' | 'rejected' | 'too_large' | 'expired' | 'unreachable'

/** The subscriber that an event is about. */
export interface SubscriberData {
  app_id: string
  subscriber_id: string
  /** The id that your app gave the subscriber, if it gave one. */
  user_id: string | null
  platform: Platform
}

/** One notification on one subscriber's device. */
export interface PushData extends SubscriberData {
  notification_id: string
}

/** The `data` of each event, by the event's name. Timestamps are UTC: `2026-06-01T08:00:00Z`. */
export interface EventData {
  /** Sent once per notification, when its fan-out has completed, even if it reached no subscriber. */
  'notification.sent': {
    notification_id: string
    app_id: string
    title: string
    sent_count: number
    failed_count: number
    /** Recipients still being retried when the event was sent. */
    pending_count: number
  }
  /** A device reports that it received the notification. */
  'notification.delivered': PushData & { at: string }
  /** A device reports a click on the notification, or on its button `action`. */
  'notification.clicked': PushData & { at: string; action?: string }
  /**
   * A push failed permanently. `status` is the push provider's HTTP status, null when there was no answer;
   * `failure_reason` describes the failure in words.
   */
  'notification.failed': PushData & { reason: FailureReason; status: number | null; failure_reason: string }
  /** A subscriber was created, or became active again. */
  'subscriber.registered': SubscriberData
  /** A subscriber opted out or was deleted. */
  'subscriber.unsubscribed': SubscriberData
  /** Another webhook of the app was disabled: its attempts failed for too long, or its receiver answered 410. */
  'webhook.disabled': {
    app_id: string
    webhook_id: string
    url: string
    /** Why the webhook was disabled, in words. */
    reason: string
    failure_count: number
  }
}

export type EventName = keyof EventData

/** An event as it is delivered. `switch (event.event)` narrows `event.data`. */
export type WebhookEvent<Name extends EventName = EventName> = {
  [N in Name]: {
    /** The same on every attempt to deliver the event. Use it to drop duplicates. */
    id: string
    event: N
    /** When the event happened. */
    timestamp: string
    data: EventData[N]
  }
}[Name]

declare enum UnknownName {
  name = 'a name that this package does not know',
}

/**
 * The name of an event that this package does not know: at run time any string. As a type it differs from every known
 * name, so `switch (event.event)` narrows to one event in each `case`, and to {@link UnknownEvent} in `default`.
 */
export type UnknownEventName = UnknownName

/** An event from a server that is newer than this package. */
export interface UnknownEvent {
  id: string
  event: UnknownEventName
  timestamp: string
  data: Record<string, unknown>
}

/** An event in a delivery: one that this package knows, or one from a newer server. */
export type ReceivedEvent = WebhookEvent | UnknownEvent

const known: Record<EventName, true> = {
  'notification.sent': true,
  'notification.delivered': true,
  'notification.clicked': true,
  'notification.failed': true,
  'subscriber.registered': true,
  'subscriber.unsubscribed': true,
  'webhook.disabled': true,
}

/** Whether this package knows the event's name. A newer server may send other events; these verify, too. */
export function isKnownEvent(event: { readonly event: string }): event is WebhookEvent {
  return Object.hasOwn(known, event.event)
}
