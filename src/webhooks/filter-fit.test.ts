import { describe, expect, test } from 'vitest'
import { catalog, eventTypes } from '../events/catalog.ts'
import { eventDocs } from '../events/event-schema.ts'
import type { Filter } from './filter.ts'
import { findMisfit } from './filter-fit.ts'

const sent = ['notification.sent']

describe('findMisfit', () => {
  test.each<[Filter, string[], string | undefined]>([
    [{ sent_count: 3 }, sent, undefined],
    [{ sent_count: '3' }, sent, 'compares "sent_count" with "3", but it is a whole number'],
    [{ sent_count: 1.5 }, sent, 'compares "sent_count" with 1.5, but it is a whole number'],
    [{ sent_count: null }, sent, 'compares "sent_count" with null, but it is a whole number'],
    [{ sent_count: { exists: true } }, sent, undefined],
    [{ sent_count: { in: [1, '2'] } }, sent, 'compares "sent_count" with "2", but it is a whole number'],
    [{ platform: 'web' }, sent, `names "platform", which none of the webhook's events has`],
    [{ platform: 'web' }, [...sent, 'notification.failed'], undefined],
    [
      { platform: 'windows' },
      ['notification.failed'],
      'compares "platform" with "windows", but it is web, ios or android',
    ],
    [{ user_id: null }, ['notification.failed'], undefined],
    [{ user_id: 7 }, ['notification.failed'], 'compares "user_id" with 7, but it is a string or null'],
    [{ status: 410 }, ['notification.failed'], undefined],
    [{ action: { exists: false } }, ['notification.clicked'], undefined],
    [{ app_id: 'mine' }, sent, 'compares "app_id" with "mine", but it is a UUID'],
    [{ not: { platform: 'web' } }, sent, `names "platform", which none of the webhook's events has`],
    [{ title: 'a', or: [{ sent_count: 1 }, { sent_count: true }] }, sent, 'compares "sent_count" with true'],
    [{ and: [{ and: [{ action: 'x' }] }] }, sent, 'names "action"'],
    [{ plattform: 'web' }, sent, 'names "plattform", which no event has'],
    [{ ['x'.repeat(5_000)]: 1 }, [], `names "${'x'.repeat(38)}…, which no event has`],
    // Without events it is only known what none has.
    [{ platform: 'web', sent_count: 1 }, [], undefined],
    [{ platform: 1 }, [], 'compares "platform" with 1'],
  ])('%j for %j', (filter, events, misfit) => {
    if (misfit === undefined) expect(findMisfit(filter, events)).toBeUndefined()
    else expect(findMisfit(filter, events)).toContain(misfit)
  })

  test.each(eventTypes)('takes every value of the sample of %s', (type) => {
    const { data } = eventDocs[type].example
    expect(findMisfit(data as Filter, [type])).toBeUndefined()
    for (const name of Object.keys(catalog[type].shape)) {
      expect(findMisfit({ [name]: { exists: true } }, [type])).toBeUndefined()
    }
  })
})
