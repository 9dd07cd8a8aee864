import type { Logger } from 'pino'
import { createWakeUp } from './wake-up.ts'

/** A loop over what is due. */
export interface Sweeper {
  /** Something may be due: sweeps soon, with whatever else comes by then. */
  wake(): void
  /** Resolves once the sweep under way has ended; there is none after it. */
  stop(): Promise<void>
}

export interface SweeperOptions {
  /** Named in log lines. */
  name: string
  log: Logger
  /** How long work is gathered before a sweep, so that what comes together is swept together. */
  gatherMs: number
  /** The longest wait without being woken. */
  maxIdleMs: number
  /**
   * Does what is due, with a fixed number of statements.
   *
   * @returns milliseconds until something else is due that nobody wakes the sweeper for; 0: more is due now
   */
  sweep(): Promise<number>
}

/** After a sweep failed, doubling: a database that is away is not asked all the time, and is back within seconds. */
const firstErrorPauseMs = 250
const maxErrorPauseMs = 4_000

/** Starts a loop that sweeps when it is woken, and when the last sweep said that more would be due. */
export function startSweeper({ name, log, gatherMs, maxIdleMs, sweep }: SweeperOptions): Sweeper {
  const wakeUp = createWakeUp()
  let stopping = false
  let failures = 0

  const sweepSafely = async (): Promise<number> => {
    try {
      const waitMs = await sweep()
      failures = 0
      return waitMs
    } catch (error) {
      const pauseMs = Math.min(maxErrorPauseMs, firstErrorPauseMs * 2 ** failures)
      failures += 1
      log.error({ err: error, sweep: name, failures, pauseMs }, 'sweep.failed')
      await wakeUp.wait(pauseMs, pauseMs)
      return 0
    }
  }
  const running = (async () => {
    while (!stopping) {
      const waitMs = await sweepSafely()
      if (stopping) return
      await wakeUp.wait(gatherMs, Math.min(maxIdleMs, Math.max(gatherMs, waitMs)))
    }
  })()
  return {
    wake: () => wakeUp.ring(),
    async stop() {
      stopping = true
      wakeUp.ring()
      await running
    },
  }
}
