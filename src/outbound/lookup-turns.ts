import { getOrInsert } from '../platform/get-or-insert.ts'
import { lookupError } from './query-addresses.ts'

export interface TurnLimits {
  /** Look-ups that may run at a time. */
  lookups: number
  /** Look-ups that may run at a time for names of one parent; see {@link parentOf}. */
  lookupsPerParent: number
  /** Look-ups that may wait for their turn; further ones are refused. */
  waitingLookups: number
}

/** Starts look-ups within the limits. Parents take turns. */
export function createLookupTurns(limits: TurnLimits) {
  const running = new Map<string, number>()
  const waiting = new Map<string, Set<() => void>>()
  let total = 0
  let waitingTotal = 0

  const hasRoom = (parent: string) =>
    total < limits.lookups && (running.get(parent) ?? 0) < limits.lookupsPerParent

  function begin(parent: string): () => void {
    total += 1
    running.set(parent, (running.get(parent) ?? 0) + 1)
    return () => {
      total -= 1
      const left = running.get(parent)! - 1
      if (left === 0) running.delete(parent)
      else running.set(parent, left)
      serve()
    }
  }

  function serve(): void {
    for (const [parent, starts] of waiting) {
      if (total >= limits.lookups) return
      if (!hasRoom(parent)) continue
      const [start] = starts
      start!()
      // Moves the parent to the end of the queue.
      if (waiting.delete(parent) && starts.size > 0) waiting.set(parent, starts)
    }
  }

  return {
    /**
     * Waits for a turn.
     *
     * @returns a function that ends the turn; call it once
     * @throws an error with the code `ERR_LOOKUPS_BUSY` when no turn comes in time or too many look-ups wait
     */
    take(hostname: string, timeoutMs: number): Promise<() => void> {
      const parent = parentOf(hostname)
      if (hasRoom(parent) && !waiting.has(parent)) return Promise.resolve(begin(parent))
      if (waitingTotal >= limits.waitingLookups) return Promise.reject(lookupError('ERR_LOOKUPS_BUSY'))
      return new Promise((resolve, reject) => {
        const starts = getOrInsert(waiting, parent, () => new Set())
        const leave = () => {
          clearTimeout(timer)
          waitingTotal -= 1
          starts.delete(start)
        }
        const start = () => {
          leave()
          resolve(begin(parent))
        }
        const timer = setTimeout(() => {
          leave()
          if (starts.size === 0 && waiting.get(parent) === starts) waiting.delete(parent)
          reject(lookupError('ERR_LOOKUPS_BUSY'))
        }, timeoutMs)
        waitingTotal += 1
        starts.add(start)
      })
    },
  }
}

/**
 * The domain that a name server is usually responsible for: the last two labels, or three below a suffix like `co.uk`.
 * This is a guess, made without the list of public suffixes. A wrong guess makes some names share a limit.
 */
export function parentOf(hostname: string): string {
  const labels = hostname.toLowerCase().replace(/\.$/, '').split('.')
  const [second = '', top = ''] = labels.slice(-2)
  const isSuffix = top.length === 2 && second.length <= 3
  return labels.slice(isSuffix ? -3 : -2).join('.')
}
