import { expect, test } from 'vitest'
import { createLookupMemory } from './lookup-memory.ts'

interface Row {
  name: string
}

function setUp(options: { maxAgeMs?: number; maxWeight?: number } = {}) {
  const asked: string[] = []
  const answers = new Map<string, PromiseWithResolvers<Row | undefined>>()
  const time = { nowMs: 0 }
  const memory = createLookupMemory<Row>({
    read(id) {
      asked.push(id)
      const answer = Promise.withResolvers<Row | undefined>()
      answers.set(id, answer)
      return answer.promise
    },
    maxAgeMs: 1_000,
    maxWeight: 100,
    weigh: ({ name }) => name.length,
    nowMs: () => time.nowMs,
    ...options,
  })
  const read = async (id: string, row: Row | undefined) => {
    const got = memory.get(id)
    answers.get(id)!.resolve(row)
    return got
  }
  return { memory, asked, answers, time, read }
}

test('a row is read once for all who ask, until it is too old', async () => {
  const { memory, asked, time, read } = setUp()
  expect(memory.recall('a')).toBeUndefined()
  const first = memory.get('a')
  expect(memory.get('a')).toBe(first)
  expect(await read('a', { name: 'A' })).toEqual({ name: 'A' })
  time.nowMs = 999
  expect(await memory.recall('a')).toEqual({ name: 'A' })
  time.nowMs = 1_000
  expect(memory.recall('a')).toBeUndefined()
  expect(await read('a', { name: 'B' })).toEqual({ name: 'B' })
  expect(asked).toEqual(['a', 'a'])
})

test('what does not exist or cannot be read is asked for again', async () => {
  const { memory, asked, answers, read } = setUp()
  expect(await read('a', undefined)).toBeUndefined()
  const failed = memory.get('a')
  answers.get('a')!.reject(new Error('away'))
  await expect(failed).rejects.toThrow('away')
  expect(await read('a', { name: 'A' })).toEqual({ name: 'A' })
  expect(asked).toEqual(['a', 'a', 'a'])
})

test('what was being read when it changed is not remembered', async () => {
  for (const forget of ['one', 'all']) {
    const { memory, asked, answers, read } = setUp()
    const before = memory.get('a')
    const answer = answers.get('a')!
    if (forget === 'one') memory.forget('a')
    else memory.forgetAll()
    expect(await read('a', { name: 'new' })).toEqual({ name: 'new' })
    answer.resolve({ name: 'old' })
    expect(await before).toEqual({ name: 'old' })
    expect(await memory.get('a')).toEqual({ name: 'new' })
    expect(asked).toEqual(['a', 'a'])
  }
})

test('rows weigh something together, and those read first make room', async () => {
  const { memory, read } = setUp({ maxWeight: 10 })
  for (const id of ['a', 'b', 'c']) await read(id, { name: '1234' })
  expect(memory.recall('a')).toBeUndefined()
  for (const id of ['b', 'c']) expect(await memory.recall(id)).toEqual({ name: '1234' })
  memory.forget('b')
  await read('d', { name: '123456' })
  expect(await memory.recall('c')).toEqual({ name: '1234' })
  await read('e', { name: 'longer than all of it' })
  for (const id of ['c', 'd', 'e']) expect(memory.recall(id)).toBeUndefined()
})
