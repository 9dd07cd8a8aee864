import { expect, test } from 'vitest'
import { createTurnQueue } from './turn-queue.ts'

function fill(...items: string[]) {
  const queue = createTurnQueue<string>()
  for (const item of items) queue.push(item[0]!, item)
  return queue
}

const drain = (queue: ReturnType<typeof fill>) => Array.from({ length: queue.size }, () => queue.shift())

test.each([
  ['of one owner, in order', ['a1', 'a2', 'a3'], ['a1', 'a2', 'a3']],
  ['of two, in turn', ['a1', 'a2', 'a3', 'b1', 'b2'], ['a1', 'b1', 'a2', 'b2', 'a3']],
  ['of one that comes last', ['a1', 'a2', 'b1', 'a3', 'c1'], ['a1', 'b1', 'c1', 'a2', 'a3']],
])('items %s', (_, items, order) => {
  expect(drain(fill(...items))).toEqual(order)
})

test('whoever was served goes to the end of the line, also when it comes back', () => {
  const queue = fill('a1', 'a2', 'b1', 'c1')
  expect(queue.shift()).toBe('a1')
  queue.push('a', 'a3')
  expect(drain(queue)).toEqual(['b1', 'c1', 'a2', 'a3'])
  expect(queue.shift()).toBeUndefined()
  expect(queue.size).toBe(0)
})

test('what waits in vain is taken out, and the others keep their places', () => {
  const queue = fill('a1', 'a2', 'b1', 'b2', 'c1')
  expect(queue.removeIf((item) => item === 'a1' || item.startsWith('b'))).toEqual(['a1', 'b1', 'b2'])
  expect(queue.size).toBe(2)
  expect(drain(queue)).toEqual(['a2', 'c1'])
})
