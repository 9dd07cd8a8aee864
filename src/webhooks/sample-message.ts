import type { EventType } from '../events/catalog.ts'
import { eventDocs } from '../events/event-schema.ts'
import { toTimestamp } from '../platform/clock.ts'
import { newId } from '../platform/ids.ts'
import type { Message } from './attempt-delivery.ts'

/** A message as a real event would make it, with the sample's data but this app's id; marked as a test. */
export function sampleMessage(type: EventType, appId: string, now: Date): Message {
  const id = newId()
  const data = { ...eventDocs[type].example.data, app_id: appId }
  const body = JSON.stringify({ id, event: type, timestamp: toTimestamp(now), data })
  return { id, event: type, body, extra: { 'x-krafter-test': 'true' } }
}
