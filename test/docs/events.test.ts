import { expect, test } from 'vitest'
import { catalog, type EventType, eventTypes } from '../../src/events/catalog.ts'
import { eventDocs } from '../../src/events/event-schema.ts'
import { readDocument } from '../support/documents.ts'

const sections = readDocument('docs/reference/events.md').split('\n## ').slice(1)

test('docs/reference/events.md has every event, in the order of the catalogue', () => {
  expect(sections.map((section) => section.split('\n')[0])).toEqual([...eventTypes])
})

test.each(Object.entries(eventDocs))('the docs say of %s what openapi.json says', (type, docs) => {
  const section = sections.find((text) => text.startsWith(`${type}\n`))!
  const [, example] = /```json\n([\s\S]+?)\n```/.exec(section)!
  expect(JSON.parse(example!)).toEqual(docs.example)
  expect(catalog[type as EventType].strict().parse(docs.example.data)).toEqual(docs.example.data)
  expect(section).toContain(docs.when)
  expect(section).not.toContain('Not emitted by this version.')
})
