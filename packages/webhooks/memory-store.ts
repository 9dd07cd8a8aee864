import type { DeduplicationStore } from './deduplication-store.ts'

export interface MemoryStoreOptions {
  /** The oldest are forgotten first. Default 100,000, some 20 MB. */
  maxEntries?: number
  /** Default: the system clock. */
  now?: () => Date
}

/** Remembers in the memory of this process: enough for one process, and until it ends. */
export function createMemoryStore({
  maxEntries = 100_000,
  now = () => new Date(),
}: MemoryStoreOptions = {}): DeduplicationStore {
  /** Until when, in milliseconds. In the order in which they were added. */
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
