import { expect, test } from 'vitest'
import { DatabaseBusy } from '../database-errors.ts'
import { createConnectionShares } from './connection-shares.ts'

const waitMs = 20

/** Takes turns; says in which order those who waited were served. */
function startTaking(total: number) {
  const shares = createConnectionShares(total, 1_000)
  const served: string[] = []
  const releases = new Map<string, (() => void)[]>()
  const take = async (caller: string | undefined) => {
    const name = caller ?? 'service'
    // Who still waits when the test has ended is refused, and nobody is there to hear it.
    const release = await shares.take(caller).catch(() => undefined)
    if (!release) return
    served.push(name)
    releases.set(name, [...(releases.get(name) ?? []), release])
  }
  const release = async (name: string) => {
    releases.get(name)!.pop()!()
    await new Promise(setImmediate)
  }
  return { take, release, served }
}
const settled = () => new Promise(setImmediate)

test('one caller has half of the connections at most', async () => {
  const { take, served } = startTaking(10)
  for (let n = 0; n < 8; n++) void take('a')
  await settled()
  expect(served).toHaveLength(5)
})

test('callers leave some to the service itself', async () => {
  const { take, served } = startTaking(10)
  for (const caller of ['a', 'b', 'c', 'd']) for (let n = 0; n < 5; n++) void take(caller)
  for (let n = 0; n < 5; n++) void take(undefined)
  await settled()
  expect(served.filter((name) => name !== 'service')).toHaveLength(7)
  expect(served.filter((name) => name === 'service')).toHaveLength(3)
})

test('the next turn is that of the caller with the fewest connections, not of the longest queue', async () => {
  const { take, release, served } = startTaking(4)
  for (let n = 0; n < 4; n++) void take('a')
  void take('b')
  await settled()
  expect(served).toEqual(['a', 'a'])
  await release('a')
  expect(served).toEqual(['a', 'a', 'b'])
})

test('who waits too long is refused, and no turn is lost by it', async () => {
  const shares = createConnectionShares(2, waitMs)
  const release = await shares.take('a')
  await expect(shares.take('a')).rejects.toThrow(DatabaseBusy)
  release()
  const again = await shares.take('a')
  again()
})
