import { DatabaseBusy } from '../database-errors.ts'

interface Waiting {
  caller: string | undefined
  start: () => void
}

/** Share of the connections reserved for the service itself: workers, keys, limits. */
const reservedShare = 0.3
/** The most waiting requests of one caller. Further ones fail at once with DatabaseBusy. */
const maxWaitingPerCaller = 500

/**
 * Shares out the connections of a pool. One caller holds at most half of them, and all callers together leave 30 % to
 * the service itself.
 */
export function createConnectionShares(total: number, waitMs: number) {
  const perCaller = Math.max(1, Math.floor(total / 2))
  const ofCallers = Math.max(1, total - Math.ceil(total * reservedShare))
  const held = new Map<string, number>()
  let taken = 0
  let takenByCallers = 0
  let waiting: Waiting[] = []

  const heldBy = (caller: string | undefined) => (caller === undefined ? -1 : (held.get(caller) ?? 0))
  const mayStart = (caller: string | undefined) =>
    taken < total && (caller === undefined || (takenByCallers < ofCallers && heldBy(caller) < perCaller))

  const start = (caller: string | undefined) => {
    taken += 1
    if (caller === undefined) return
    takenByCallers += 1
    held.set(caller, heldBy(caller) + 1)
  }
  const giveBack = (caller: string | undefined) => {
    taken -= 1
    if (caller !== undefined) {
      takenByCallers -= 1
      const left = heldBy(caller) - 1
      if (left === 0) held.delete(caller)
      else held.set(caller, left)
    }
    startNext()
  }
  const startNext = () => {
    let next: Waiting | undefined
    for (const one of waiting) {
      if (mayStart(one.caller) && (!next || heldBy(one.caller) < heldBy(next.caller))) next = one
    }
    if (!next) return
    waiting = waiting.filter((one) => one !== next)
    next.start()
  }

  return {
    /** How many requests wait for a connection. */
    waiting: () => waiting.length,
    /**
     * Waits for a connection. The next free one goes to the caller that holds the fewest, so that no caller waits behind
     * another's long queue.
     *
     * @param caller undefined: the service itself, which goes first
     * @returns a function that returns the connection; call it once
     * @throws DatabaseBusy when no connection became free in time
     */
    async take(caller: string | undefined): Promise<() => void> {
      const turn = Promise.withResolvers<() => void>()
      const begin = () => {
        start(caller)
        turn.resolve(() => giveBack(caller))
      }
      if (mayStart(caller)) {
        begin()
        return turn.promise
      }
      if (
        caller !== undefined &&
        waiting.filter((one) => one.caller === caller).length >= maxWaitingPerCaller
      ) {
        throw new DatabaseBusy('too many statements of the same caller wait for a connection to the database')
      }
      const timer = setTimeout(() => {
        waiting = waiting.filter((one) => one !== entry)
        turn.reject(new DatabaseBusy(`no connection to the database became free in ${waitMs} ms`))
      }, waitMs)
      const entry = {
        caller,
        start() {
          clearTimeout(timer)
          begin()
        },
      }
      waiting.push(entry)
      return turn.promise
    },
  }
}
