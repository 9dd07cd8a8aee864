import { describe, expect, expectTypeOf, test } from 'vitest'
import { eventTypes } from '../../src/events/catalog.ts'
import {
  type EventName,
  isKnownEvent,
  type ReceivedEvent,
  type UnknownEvent,
  type UnknownEventName,
  type verify,
  type verifyBatch,
  type WebhookEvent,
} from './index.ts'

/** Only compiled: what a receiver may write once the name is known. */
export function describeEvent(event: ReceivedEvent): string {
  // @ts-expect-error Not before the name is known: only some events have a title.
  void event.data.title
  switch (event.event) {
    case 'notification.sent':
      expectTypeOf(event.data).toEqualTypeOf<{
        notification_id: string
        app_id: string
        title: string
        sent_count: number
        failed_count: number
        pending_count: number
      }>()
      return event.data.title
    case 'notification.delivered':
      expectTypeOf(event.data.at).toEqualTypeOf<string>()
      // @ts-expect-error Only clicks have one.
      void event.data.action
      return event.data.notification_id
    case 'notification.clicked':
      expectTypeOf(event.data.action).toEqualTypeOf<string | undefined>()
      return event.data.at
    case 'notification.failed':
      expectTypeOf(event.data.reason).toEqualTypeOf<
        'gone' | 'rejected' | 'too_large' | 'expired' | 'unreachable'
      >()
      expectTypeOf(event.data.status).toEqualTypeOf<number | null>()
      return event.data.reason
    case 'subscriber.registered':
    case 'subscriber.unsubscribed':
      // @ts-expect-error No notification has to do with it.
      void event.data.notification_id
      expectTypeOf(event.data).toEqualTypeOf<{
        app_id: string
        subscriber_id: string
        user_id: string | null
        platform: 'web' | 'ios' | 'android'
      }>()
      return event.data.subscriber_id
    case 'webhook.disabled':
      expectTypeOf(event.data).toEqualTypeOf<{
        app_id: string
        webhook_id: string
        url: string
        reason: string
        failure_count: number
      }>()
      return event.data.webhook_id
    default:
      expectTypeOf(event).toEqualTypeOf<UnknownEvent>()
      return event.event
  }
}

describe('types', () => {
  test('verify gives the union, whose names are those of the service', () => {
    expectTypeOf<Awaited<ReturnType<typeof verify>>>().toEqualTypeOf<ReceivedEvent>()
    expectTypeOf<Awaited<ReturnType<typeof verifyBatch>>>().toEqualTypeOf<ReceivedEvent[]>()
    expectTypeOf<EventName>().toEqualTypeOf<(typeof eventTypes)[number]>()
    expectTypeOf<WebhookEvent<'notification.sent'>['event']>().toEqualTypeOf<'notification.sent'>()
  })
})

describe('isKnownEvent', () => {
  test.each(eventTypes)('knows %s', (event) => {
    expect(isKnownEvent({ event })).toBe(true)
  })

  test('narrows a received event both ways', () => {
    const describeReceived = (event: ReceivedEvent): string => {
      if (!isKnownEvent(event)) {
        expectTypeOf(event).toEqualTypeOf<UnknownEvent>()
        return `unknown: ${event.event}`
      }
      return event.event === 'notification.sent' ? event.data.title : event.event
    }
    const named = (event: string) =>
      describeReceived({ id: '1', event: event as UnknownEventName, timestamp: '', data: { title: 'Hello' } })
    expect(named('notification.sent')).toBe('Hello')
    expect(named('hasOwnProperty')).toBe('unknown: hasOwnProperty')
  })
})
