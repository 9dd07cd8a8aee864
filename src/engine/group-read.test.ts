import { expect, test } from 'vitest'
import { createGroupRead } from './group-read.ts'

test('reads that come while others are under way share the next one, and each gets its own answer', async () => {
  const asked: (readonly string[])[] = []
  const ends: (() => void)[] = []
  const read = createGroupRead<{ id: string }, { id: string; value: number }>(
    async (keys) => {
      asked.push(keys.map(({ id }) => id))
      const { promise, resolve } = Promise.withResolvers<void>()
      ends.push(resolve)
      await promise
      return [...new Set(keys.map(({ id }) => id))]
        .filter((id) => id !== 'gone')
        .map((id) => ({ id, value: asked.length }))
    },
    ({ id }) => id,
  )
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const first = read({ id: 'a' })
  await turn()
  const second = read({ id: 'b' })
  await turn()
  expect(asked).toEqual([['a'], ['b']])
  const waiting = ['a', 'c', 'gone', 'a'].map((id) => read({ id }))
  await turn()
  expect(asked).toHaveLength(2)
  ends[0]!()
  await first
  await turn()
  // What was being read before they asked is not their answer.
  expect(asked[2]).toEqual(['a', 'c', 'gone', 'a'])
  for (const end of ends) end()
  expect(await Promise.all(waiting)).toEqual([
    { id: 'a', value: 3 },
    { id: 'c', value: 3 },
    undefined,
    { id: 'a', value: 3 },
  ])
  expect(await second).toMatchObject({ id: 'b' })
})
