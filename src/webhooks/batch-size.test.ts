import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchBytes, countWithin, halvedBytes } from './batch-size.ts'

const sizes = fc.array(fc.integer({ min: 2, max: 20_000 }), { minLength: 1, maxLength: 500 })

test('the bytes of a batch are those of the JSON array', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 50 }), (values) => {
      const bodies = values.map((value) => JSON.stringify(value))
      const bytes = batchBytes(bodies.map((body) => Buffer.byteLength(body)))
      expect(bytes).toBe(Buffer.byteLength(`[${bodies.join(',')}]`))
    }),
  )
})

describe('countWithin', () => {
  test('as many as fit, one at least', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 500_000 }), (bodyBytes, maxBytes) => {
        const count = countWithin(bodyBytes, maxBytes)
        expect(count).toBeGreaterThanOrEqual(1)
        if (count > 1) expect(batchBytes(bodyBytes.slice(0, count))).toBeLessThanOrEqual(maxBytes)
        if (count < bodyBytes.length) {
          expect(batchBytes(bodyBytes.slice(0, count + 1))).toBeGreaterThan(maxBytes)
        }
      }),
    )
  })
})

describe('halvedBytes', () => {
  test('whatever a receiver takes, every event is sent to it, and the last answer to each stands', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 100_000 }), (bodyBytes, takes) => {
        let waiting = bodyBytes
        let maxBytes = Number.POSITIVE_INFINITY
        let requests = 0
        while (waiting.length > 0) {
          requests += 1
          const sent = waiting.slice(0, countWithin(waiting, maxBytes))
          const halved = halvedBytes(batchBytes(sent) > takes ? 413 : 204, sent)
          if (halved === null) waiting = waiting.slice(sent.length)
          else {
            expect(halved).toBeLessThan(batchBytes(sent))
            maxBytes = halved
          }
        }
        // Each halving costs one request, and there are few: 500 events of 20,000 bytes are 24 halvings.
        expect(requests).toBeLessThanOrEqual(bodyBytes.length + 24)
      }),
    )
  })

  test.each([
    [413, [10, 20], 16],
    [413, [10], null],
    [400, [10, 20], null],
    [204, [10, 20], null],
    [null, [10, 20], null],
  ])('%j for %j: %j', (status, bodyBytes, expected) => {
    expect(halvedBytes(status, bodyBytes)).toBe(expected)
  })
})
