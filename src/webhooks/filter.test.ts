import { describe, expect, test } from 'vitest'
import { type Filter, filterSchema, matchesFilter } from './filter.ts'

const maxBytes = 8_192
const schema = filterSchema(maxBytes)

const data = { platform: 'web', user_id: null, sent_count: 3 }

describe('matchesFilter', () => {
  test.each<[Filter, boolean]>([
    [{ platform: 'web' }, true],
    [{ platform: 'ios' }, false],
    [{ sent_count: 3 }, true],
    [{ sent_count: '3' }, false],
    [{ user_id: null }, true],
    [{ action: null }, false],
    [{ platform: { in: ['ios', 'web'] } }, true],
    [{ platform: { in: ['ios'] } }, false],
    [{ action: { exists: true } }, false],
    [{ action: { exists: false } }, true],
    [{ user_id: { exists: true } }, true],
    [{ platform: 'web', sent_count: 4 }, false],
    [{ not: { platform: 'web' } }, false],
    [{ and: [{ platform: 'web' }, { sent_count: 3 }] }, true],
    [{ and: [{ platform: 'web' }, { sent_count: 4 }] }, false],
    [{ or: [{ platform: 'ios' }, { sent_count: 3 }] }, true],
    [{ or: [{ platform: 'ios' }, { not: { sent_count: 3 } }] }, false],
    [{ platform: 'web', or: [{ sent_count: 1 }, { sent_count: 3 }] }, true],
  ])('%j', (filter, expected) => {
    expect(schema.safeParse(filter).success).toBe(true)
    expect(matchesFilter(filter, data)).toBe(expected)
  })
})

describe('filterSchema', () => {
  const deep = (depth: number): unknown => (depth === 1 ? { platform: 'web' } : { not: deep(depth - 1) })

  test.each<[unknown, string]>([
    ['web', 'must be an object'],
    [[], 'must be an object'],
    [{}, 'must have a condition in each object'],
    [{ not: {} }, 'must have a condition in each object'],
    [{ or: [] }, 'must have 1 to 20 conditions in "or"'],
    [{ and: { platform: 'web' } }, 'must have 1 to 20 conditions in "and"'],
    [{ platform: { equals: 'web' } }, 'must compare "platform"'],
    [{ platform: { in: [] } }, 'must compare "platform"'],
    [{ platform: { in: [{}] } }, 'must compare "platform"'],
    [{ platform: { exists: 'yes' } }, 'must compare "platform"'],
    [{ platform: { in: ['web'], exists: true } }, 'must compare "platform"'],
    [{ platform: 'x'.repeat(256) }, 'must compare "platform"'],
    [{ user_id: 'half of a pair \ud800' }, 'must compare "user_id"'],
    [{ user_id: 'NUL \0' }, 'must compare "user_id"'],
    [{ sent_count: Number.POSITIVE_INFINITY }, 'must compare "sent_count"'],
    [{ ['ß'.repeat(10_000)]: 1 }, 'must be at most 8192 bytes of JSON'],
    [deep(6), 'must not be nested deeper than 5'],
  ])('refuses %j', (filter, message) => {
    const parsed = schema.safeParse(filter)
    expect(parsed.success).toBe(false)
    expect(parsed.error!.issues[0]!.message).toContain(message)
  })

  test('is as long as allowed, to the byte, before its entries are looked at', () => {
    const ofBytes = (bytes: number) => ({
      title: { in: ['x'.repeat(bytes - '{"title":{"in":[""]}}'.length)] },
    })
    expect(filterSchema(200).safeParse(ofBytes(200)).success).toBe(true)
    expect(
      filterSchema(200)
        .safeParse(ofBytes(201))
        .error!.issues.map(({ message }) => message),
    ).toEqual(['must be at most 200 bytes of JSON'])
  })

  test('takes what is nested as deep as allowed', () => {
    expect(schema.safeParse(deep(5)).success).toBe(true)
  })
})
