import { DatabaseBusy } from '../database-errors.ts'

/** Who may have a connection now. */
export interface ConnectionShares {
  /**
   * Waits for a turn. The next free one goes to the caller that has the fewest, so that nobody waits behind another's
   * crowd.
   *
   * @param caller absent: the service itself, whose turn comes first
   * @returns what gives it back; call it once
   * @throws DatabaseBusy when there was no turn in time
   */
  take(caller: string | undefined): Promise<() => void>
  /** How many wait for a turn. */
  waiting(): number
}

interface Waiting {
  caller: string | undefined
  start: () => void
}

/** Connections that callers leave to the service itself: workers, keys, limits. */
const reservedShare = 0.3
/** Of one caller; beyond, it hears at once that there are too many. */
const maxWaitingPerCaller = 500

/**
 * Shares out the connections of a pool: one caller has half of them at most, all callers together leave some to the
 * service itself.
 */
export function createConnectionShares(total: number, waitMs: number): ConnectionShares {
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
    waiting: () => waiting.length,
    async take(caller) {
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
