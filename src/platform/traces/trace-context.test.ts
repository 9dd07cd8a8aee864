import { expect, test } from 'vitest'
import { newId } from '../ids.ts'
import { parseTraceparent, spanIdOf, toTraceparent, traceIdOf } from './trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

test.each([
  [`00-${traceId}-${spanId}-01`, true],
  [`00-${traceId}-${spanId}-00`, false],
  [`00-${traceId}-${spanId}-03`, true],
  [`cc-${traceId}-${spanId}-01-what-comes-later`, true],
])('%s is read', (header, sampled) => {
  expect(parseTraceparent(header)).toEqual({ traceId, spanId, sampled })
})

test.each([
  undefined,
  '',
  'undefined',
  `ff-${traceId}-${spanId}-01`,
  `00-${traceId}-${spanId}`,
  `00-${traceId}-${spanId}-1`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId}-${spanId}-01x`,
])('%s is no trace', (header) => {
  expect(parseTraceparent(header)).toBeUndefined()
})

test('ids of ours are valid, and make a header that reads the same', () => {
  const id = newId()
  const reference = { traceId: traceIdOf(id), spanId: spanIdOf(id), sampled: false }
  expect(parseTraceparent(toTraceparent(reference))).toEqual(reference)
})
