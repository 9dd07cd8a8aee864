import { describe, expect, test } from 'vitest'
import { statementContext } from '../platform/db/statement-context.ts'
import { createGroupCommit } from './group-commit.ts'

class RowError extends Error {
  code = '22P02'
}

function makeGroup(commit: (items: readonly number[]) => Promise<(number | Error)[]>, options: object = {}) {
  const groups: number[][] = []
  const group = createGroupCommit<number, number>({
    maxGroup: 10,
    maxWaiting: 100,
    groupsAtOnce: 1,
    commit: (items) => {
      groups.push([...items])
      return commit(items)
    },
    ...options,
  })
  return { group, groups }
}

const double = async (items: readonly number[]) => items.map((item) => 2 * item)

describe('group commit', () => {
  test('what comes together goes together, and each caller has its own answer', async () => {
    const { group, groups } = makeGroup(double)
    expect(await Promise.all([1, 2, 3].map((item) => group.add(item)))).toEqual([2, 4, 6])
    expect(groups).toEqual([[1, 2, 3]])
  })

  test('while a group commits, the next one gathers', async () => {
    const first = Promise.withResolvers<void>()
    const { group, groups } = makeGroup(async (items) => {
      if (items.includes(1)) await first.promise
      return double(items)
    })
    const one = group.add(1)
    await new Promise(setImmediate)
    const others = [2, 3].map((item) => group.add(item))
    await new Promise(setImmediate)
    expect(groups).toEqual([[1]])
    expect(group.size()).toBe(3)
    first.resolve()
    expect(await Promise.all([one, ...others])).toEqual([2, 4, 6])
    expect(groups).toEqual([[1], [2, 3]])
    expect(group.size()).toBe(0)
  })

  test('the statements are of nobody in particular, with the deadline of a caller', async () => {
    const contexts: unknown[] = []
    const { group } = makeGroup(async (items) => {
      contexts.push(statementContext.getStore())
      return double(items)
    })
    await statementContext.run({ caller: 'team', timeoutMs: 5 }, () => group.add(1))
    await group.add(2)
    expect(contexts).toEqual([{ timeoutMs: 5 }, { timeoutMs: undefined }])
  })

  test('a group waits for the one before, but not for long', async () => {
    const locked = Promise.withResolvers<void>()
    const { group, groups } = makeGroup(
      async (items) => {
        if (items.includes(1)) await locked.promise
        return double(items)
      },
      { groupsAtOnce: 2, waitForGroupMs: 20 },
    )
    const one = group.add(1)
    await new Promise(setImmediate)
    const two = group.add(2)
    await new Promise(setImmediate)
    expect(groups).toEqual([[1]])
    expect(await two).toBe(4)
    expect(await group.add(3)).toBe(6)
    locked.resolve()
    expect(await one).toBe(2)
    expect(groups).toEqual([[1], [2], [3]])
  })

  test('an item that is refused fails alone', async () => {
    const { group } = makeGroup(async (items) => items.map((item) => (item === 2 ? new Error('no') : item)))
    const answers = await Promise.allSettled([1, 2, 3].map((item) => group.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test('a row that the database refuses fails alone', async () => {
    const { group, groups } = makeGroup(async (items) => {
      if (items.includes(7)) throw new RowError('bad row')
      return double(items)
    })
    const answers = await Promise.allSettled([5, 6, 7, 8].map((item) => group.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(groups.length).toBeLessThan(8)
  })

  test('a database that is away fails the group, once', async () => {
    const { group, groups } = makeGroup(async () => {
      throw new Error('away')
    })
    const answers = await Promise.allSettled([1, 2].map((item) => group.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(groups).toHaveLength(1)
  })

  test('a group has its limit, and so has the line', async () => {
    const { group, groups } = makeGroup(double, { maxGroup: 2, maxWaiting: 3 })
    const answers = await Promise.allSettled([1, 2, 3, 4].map((item) => group.add(item)))
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected'])
    expect(groups).toEqual([[1, 2], [3]])
  })
})
