import type { DeduplicationStore } from './deduplication-store.ts'
import { createMemoryStore } from './memory-store.ts'

export interface DeduplicatorOptions {
  /** Default: the memory of this process. */
  store?: DeduplicationStore
  /** How long a handled event is remembered. Default 8 days: retries of an event may take 7. */
  ttlSeconds?: number
  /**
   * How long a process may handle an event before another takes it over, because the first may have died. Default 60.
   * Work that takes longer may be done twice.
   */
  leaseSeconds?: number
}

export interface Deduplicator {
  /**
   * Does the work for an event once. Only successful work is remembered: after a failure, the next delivery of the
   * event does the work. Of concurrent deliveries of an event, one does the work and the others wait for it.
   *
   * @param id the event's id
   * @returns whether this call did the work; false: the event is a duplicate
   * @throws the error of the work; {@link EventInProgressError} while another process works on the event
   */
  once(id: string, work: () => unknown): Promise<boolean>
}

/** Another process works on the event. Answer 503, so that the service retries the delivery. */
export class EventInProgressError extends Error {
  override readonly name = 'EventInProgressError'
}

const defaultTtlSeconds = 8 * 86_400
const defaultLeaseSeconds = 60

/** Drops duplicate events, because each event is delivered at least once. */
export function createDeduplicator({
  store = createMemoryStore(),
  ttlSeconds = defaultTtlSeconds,
  leaseSeconds = defaultLeaseSeconds,
}: DeduplicatorOptions = {}): Deduplicator {
  const underWay = new Map<string, Promise<boolean>>()

  async function attempt(id: string, work: () => unknown): Promise<boolean> {
    const claim = `${id}:claim`
    if (!(await store.add(claim, leaseSeconds))) {
      if (await store.has(id)) return false
      throw new EventInProgressError(`another process works on the event ${id}`)
    }
    try {
      if (await store.has(id)) return false
      await work()
      await store.add(id, ttlSeconds)
      return true
    } finally {
      await store.delete(claim)
    }
  }

  return {
    async once(id, work) {
      for (let other = underWay.get(id); other; other = underWay.get(id)) {
        const isHandled = await other.then(
          () => true,
          () => false,
        )
        if (isHandled) return false
      }
      const own = attempt(id, work).finally(() => underWay.delete(id))
      underWay.set(id, own)
      return own
    },
  }
}
