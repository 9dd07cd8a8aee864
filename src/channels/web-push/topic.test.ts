import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyCharacter } from '../../../test/support/any-character.ts'
import { strictTopic, topicFor } from './topic.ts'

const taken = /^[A-Za-z0-9_-]{1,32}$/

test.each([
  // What Apple was reported to take and to refuse.
  ['frenz-ai-don', true],
  ['frenz-ai-done', false],
  ['spike', false],
  ['news', true],
  ['ab', false],
  ['a'.repeat(32), true],
])('Apple is given %s as it is: %s', (topic, same) => {
  expect(topicFor(topic, 'apple') === topic).toBe(same)
  expect(topicFor(topic, 'other')).toBe(topic)
  expect(topicFor(topic, 'wns')).toBe(topic)
})

test.each(['', `rest-${'0'.repeat(32)}`, 'two words', 'größe', 'a/b', '😀'])(
  'a topic that no push service takes is mapped for all: %j',
  (topic) => {
    for (const service of ['apple', 'wns', 'other'] as const) {
      expect(topicFor(topic, service)).toMatch(/^[A-Za-z0-9_-]{32}$/)
    }
  },
)

test('any topic becomes one that is taken, the same each time, and different ones stay different', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.string({ unit: anyCharacter }), (one, other) => {
      const mapped = strictTopic(one)
      expect(mapped).toMatch(taken)
      expect(mapped.length % 4).toBe(0)
      expect(strictTopic(one)).toBe(mapped)
      expect(strictTopic(mapped)).toBe(mapped)
      expect(strictTopic(other) === mapped).toBe(one === other)
    }),
  )
})
