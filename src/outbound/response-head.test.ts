import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createResponseHead } from './response-head.ts'

/** What a parser sees of the bytes when they come in pieces that end at the given places. */
function passed(text: string, ends: readonly number[] = [], maxBytes = 1_000): string {
  const head = createResponseHead(maxBytes)
  head.begin()
  const cuts = [...new Set([0, ...ends, text.length])].sort((a, b) => a - b)
  return cuts
    .map((from, i) => head.pass(Buffer.from(text.slice(from, cuts[i + 1] ?? text.length), 'latin1')))
    .map((bytes) => bytes.toString('latin1'))
    .join('')
}

const ok = 'HTTP/1.1 200 OK\r\na: 1\r\n\r\nbody\r\n b'

test.each([
  ['an answer as it is', ok, ok],
  ['100', `HTTP/1.1 100 Continue\r\n\r\n${ok}`, ok],
  ['several of them', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${ok}`, ok],
  ['an early 200', `HTTP/1.0 102 Processing\r\n\r\n${ok}`, ok],
  [
    'folding',
    'HTTP/1.1 200 OK\r\na: 1 \r\n  2\r\n\t3\r\nb: 4\r\n\r\n',
    'HTTP/1.1 200 OK\r\na: 1 2 3\r\nb: 4\r\n\r\n',
  ],
  ['no folding in the body', 'HTTP/1.1 200 OK\r\n\r\na\r\n b', 'HTTP/1.1 200 OK\r\n\r\na\r\n b'],
  ['no folding of the status line', 'HTTP/1.1 200 OK\r\n a: 1\r\n\r\n', 'HTTP/1.1 200 OK\r\n a: 1\r\n\r\n'],
  ['101, for which nobody asked', 'HTTP/1.1 101 Switching\r\n\r\nx', 'HTTP/1.1 101 Switching\r\n\r\nx'],
  ['a bare line feed', 'HTTP/1.1 200 OK\na', 'HTTP/1.1 200 OK\na'],
  ['what is not HTTP', 'SSH-2.0', 'SSH-2.0'],
])('passes %s, wherever it is cut', (_, text, expected) => {
  expect(passed(text)).toBe(expected)
  expect(passed(text, [...text].keys().toArray())).toBe(expected)
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (ends) => passed(text, ends) === expected),
    { numRuns: 50 },
  )
})

test.each(['HTTP/1.1 200 OK\r\na: ', 'HTTP/1.1 103 Early Hints\r\na: '])(
  'holds no more than the limit back',
  (start) => {
    expect(passed(start + 'x'.repeat(900))).toBe('')
    expect(passed(start + 'x'.repeat(1_000))).toBe(start + 'x'.repeat(1_000))
  },
)

test('counts what came since an exchange began, held back or not', () => {
  const head = createResponseHead(1_000)
  head.begin()
  head.pass(Buffer.from('HTT'))
  expect(head.receivedBytes).toBe(3)
  head.begin()
  expect(head.receivedBytes).toBe(0)
  expect(head.pass(Buffer.from(ok)).toString()).toBe(ok)
})
