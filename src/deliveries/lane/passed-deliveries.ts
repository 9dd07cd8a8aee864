import { firstIdOf } from '../../platform/ids.ts'
import type { PendingDelivery } from '../pending-delivery.ts'
import { keyOf } from './choose-deliveries.ts'
import type { LaneRead } from './due-store.ts'
import type { Passed } from './lane.ts'

/** A read of a webhook ordered by subscriber, with the lane as it was then. */
export interface OrderedRead extends LaneRead {
  /** Keys that waited for a retry. */
  waitingKeys: readonly string[]
  /** Deliveries under way → their keys, which later deliveries wait for. */
  blocking: ReadonlyMap<string, string>
  /** When it began, milliseconds since the epoch. */
  atMs: number
}

type Read = Omit<OrderedRead, 'appId' | 'webhookId' | 'ordered'>
type Found = Pick<PendingDelivery, 'id' | 'orderKey'>

/**
 * A transaction may commit this long after it creates the ids of its deliveries, and clocks may differ by so much.
 * What is later still is found by the next discovery, which begins at the front.
 */
const latestCommitMs = 300_000

/**
 * Returns where a read begins, so that it does not grow with the deliveries of subscribers that wait for a retry.
 *
 * @returns an id; null: at the first pending delivery, because a passed key no longer waits
 */
export function startOfRead(passed: Passed | null, blockedKeys: readonly string[]): string | null {
  return passed?.keys.isSubsetOf(new Set(blockedKeys)) ? passed.beforeId : null
}

/**
 * Returns what reads after this one may pass over. Only deliveries of keys that wait for a retry are passed: a key
 * under way is free again within moments, and the next read would begin at the front.
 *
 * @param found what the read returned, by id
 */
export function passedAfter(passed: Passed | null, read: Read, found: readonly Found[]): Passed | null {
  if (passed && read.fromId === null) return withoutEmptyKeys(passed, read, found)
  const keys = new Set([...(passed?.keys ?? []), ...read.waitingKeys])
  if (keys.size === 0) return null
  const underWay = [...read.blocking].filter(([, key]) => !keys.has(key)).map(([id]) => id)
  const settled = firstIdOf(new Date(read.atMs - latestCommitMs))
  const ids = [settled, ...underWay, ...found.slice(0, 1).map(({ id }) => id)]
  return { keys, beforeId: ids.reduce((first, id) => (id < first ? id : first)) }
}

/** Forgets keys without deliveries before `beforeId`, after a read from the front. */
function withoutEmptyKeys(passed: Passed, read: Read, found: readonly Found[]): Passed | null {
  const isWhole = found.length < read.limit || found.at(-1)!.id >= passed.beforeId
  if (!isWhole) return passed
  const left = found.filter(({ id }) => id < passed.beforeId).map(keyOf)
  const keys = passed.keys.intersection(new Set([...read.blockedKeys, ...left]))
  return keys.size === 0 ? null : { ...passed, keys }
}
