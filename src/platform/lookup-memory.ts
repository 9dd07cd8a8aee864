import type { Announcements } from './db/announcements.ts'
import type { Notices } from './db/notices.ts'

export interface LookupMemoryOptions<Row> {
  read: (id: string) => Promise<Row | undefined>
  /** How long a row is cached. */
  maxAgeMs: number
  /** Maximum total weight of all rows, as returned by `weigh`. The rows read first are removed first. */
  maxWeight: number
  weigh: (row: Row) => number
  /** A monotonic clock. */
  nowMs?: () => number
}

interface Entry<Row> {
  row: Promise<Row | undefined>
  readAtMs: number
  weight: number
}

/** A cache of rows that are often looked up. Missing rows are not cached. */
export function createLookupMemory<Row>(options: LookupMemoryOptions<Row>) {
  const { read, maxAgeMs, maxWeight, weigh, nowMs = () => performance.now() } = options
  const entries = new Map<string, Entry<Row>>()
  let weight = 0

  const remove = (id: string) => {
    const entry = entries.get(id)
    if (!entry) return
    entries.delete(id)
    weight -= entry.weight
  }
  const recall = (id: string) => {
    const entry = entries.get(id)
    return entry && nowMs() - entry.readAtMs < maxAgeMs ? entry.row : undefined
  }
  const settle = (id: string, entry: Entry<Row>, row: Row | undefined) => {
    if (entries.get(id) !== entry) return
    if (row === undefined) return remove(id)
    entry.weight = weigh(row)
    weight += entry.weight
    for (const oldest of entries.keys()) {
      if (weight <= maxWeight) break
      remove(oldest)
    }
  }
  return {
    /** The row if it is cached or being read; otherwise undefined, without reading it. */
    recall,
    /** The row, from the cache or read now; undefined when it does not exist. */
    get(id: string): Promise<Row | undefined> {
      const known = recall(id)
      if (known) return known
      remove(id)
      const entry = { row: read(id), readAtMs: nowMs(), weight: 0 }
      entries.set(id, entry)
      entry.row.then(
        (row) => settle(id, entry, row),
        () => settle(id, entry, undefined),
      )
      return entry.row
    },
    /** Removes a row. If it is being read now, the next call reads it again. */
    forget: remove,
    forgetAll() {
      entries.clear()
      weight = 0
    },
  }
}

/** Maximum age while announcements arrive. It limits how long a row stays stale when an announcement is lost. */
const maxAgeHeardMs = 5_000
const maxAgeUnheardMs = 1_000

/** A cache that drops the rows that announcements name. */
export function createAnnouncedMemory<Row>(
  notices: Notices,
  changes: Announcements,
  options: Omit<LookupMemoryOptions<Row>, 'maxAgeMs'> & { maxAgeMs?: number },
) {
  const { maxAgeMs = notices.areHeard ? maxAgeHeardMs : maxAgeUnheardMs } = options
  const memory = createLookupMemory({ ...options, maxAgeMs })
  changes.on(notices, { named: memory.forget, missed: memory.forgetAll })
  return memory
}
