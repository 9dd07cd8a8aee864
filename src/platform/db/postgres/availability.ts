import type { Logger } from 'pino'
import { onceIn } from '../../once-in.ts'
import type { DatabaseState, DatabaseUnavailable, UnavailableReason } from '../database-errors.ts'
import type { ConnectionLimits } from './connection-limits.ts'

interface AvailabilityOptions {
  limits: Pick<ConnectionLimits, 'probeMs' | 'maxProbeMs'>
  log: Pick<Logger, 'error' | 'warn' | 'info'>
  /** Checks the database, over a separate connection and with a deadline. */
  probe: () => Promise<DatabaseState>
  /** Called so that open connections are replaced: a session only knows the mode that it was opened in. */
  onChange: () => void
}

/** An outage is logged at its start and then at intervals that double, up to a minute. */
const firstReminderMs = 2_000
const maxReminderMs = 60_000

interface Outage {
  since: number
  errors: number
  reason: string
}

/** Tracks whether the database is available, and logs changes. */
export function createAvailability(options: AvailabilityOptions) {
  const { limits, log } = options
  let state: DatabaseState = 'ready'
  let outage: Outage | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const maySayLost = onceIn(firstReminderMs)
  let lostUnsaid = 0
  let reminderMs = firstReminderMs
  let saidAt = 0

  const watch = async (waitMs: number) => {
    const found = await options.probe()
    if (stopped) return
    if (found === 'ready') recover()
    else {
      persist(found)
      timer = setTimeout(() => void watch(Math.min(waitMs * 2, limits.maxProbeMs)), waitMs).unref()
    }
  }

  const persist = (found: UnavailableReason) => {
    const { since, errors, reason } = outage!
    const now = performance.now()
    if (found === state && now - saidAt < reminderMs) return
    reminderMs = found === state ? Math.min(reminderMs * 2, maxReminderMs) : firstReminderMs
    saidAt = now
    if (found !== state) {
      state = found
      options.onChange()
    }
    log.error({ state, reason, errors, ms: Math.round(now - since) }, 'database.unavailable')
  }

  const recover = () => {
    const { since, errors, reason } = outage!
    outage = undefined
    const ms = Math.round(performance.now() - since)
    if (state === 'ready') {
      sayLost(errors, reason)
      return
    }
    state = 'ready'
    options.onChange()
    log.info({ errors, ms }, 'database.available')
  }

  /** Logs connections that were lost although the database was available. */
  const sayLost = (errors: number, reason: string) => {
    lostUnsaid += errors
    if (!maySayLost()) return
    log.warn({ errors: lostUnsaid, reason }, 'database.lost')
    lostUnsaid = 0
  }

  return {
    /** The state that is currently known. */
    state: () => state,
    /** Reports an error that may affect one connection or all: a check of the database decides. */
    suspect(error: DatabaseUnavailable) {
      if (stopped) return
      if (outage) {
        outage.errors += 1
        return
      }
      outage = { since: performance.now(), errors: 1, reason: error.message }
      void watch(limits.probeMs)
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
