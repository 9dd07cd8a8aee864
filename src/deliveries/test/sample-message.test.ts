import { expect, test } from 'vitest'
import { catalog, type EventType, eventTypes } from '../../events/catalog.ts'
import { eventDocs } from '../../events/event-schema.ts'
import { sampleMessage } from './sample-message.ts'

const appId = '01996d5e-0c1a-7e60-9d52-000000000000'
const now = new Date('2030-01-02T03:04:05.678Z')

test.each(eventTypes)(
  'the sample of %s is as the catalogue says, of this app and this moment',
  (type: EventType) => {
    const message = sampleMessage(type, appId, now, false)
    const { data, ...rest } = JSON.parse(message.body)
    expect(rest).toEqual({ id: message.id, event: type, timestamp: '2030-01-02T03:04:05Z' })
    expect(catalog[type].parse(data)).toEqual(data)
    const sample: Record<string, unknown> = eventDocs[type].example.data
    expect(Object.keys(data)).toEqual(Object.keys(sample))
    const same = Object.keys(data).filter((name) => data[name] === sample[name])
    expect(same.filter((name) => /^(app|notification|subscriber)_id$|^at$/.test(name))).toEqual([])
    expect(data.app_id).toBe(appId)
  },
)
