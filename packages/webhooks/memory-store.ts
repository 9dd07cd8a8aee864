import type { DeduplicationStore } from './deduplication-store.ts'

export interface MemoryStoreOptions {
  /** When the store is full, it drops the oldest entry. Default 100,000, about 20 MB. */
  maxEntries?: number
  /** Default: the system clock. */
  now?: () => Date
}

/** Stores events in this process's memory: other processes do not see them, and a restart loses them. */
export function createMemoryStore({
  maxEntries = 100_000,
  now = () => new Date(),
}: MemoryStoreOptions = {}): DeduplicationStore {
  /** Key → when it expires, in milliseconds since the epoch, in the order in which the keys were added. */
  const entries = new Map<string, number>()
  const has = (key: string) => (entries.get(key) ?? 0) > now().getTime()
  return {
    add(key, ttlSeconds) {
      if (has(key)) return false
      entries.delete(key)
      entries.set(key, now().getTime() + ttlSeconds * 1_000)
      const [oldest] = entries.keys()
      if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
      return true
    },
    has,
    delete: (key) => entries.delete(key),
  }
}
