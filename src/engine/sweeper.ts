import type { Logger } from 'pino'
import { createWakeUp } from './wake-up.ts'

export interface SweeperOptions {
  /** The name in log lines. */
  name: string
  log: Logger
  /** How long to gather work before a sweep, so that work that arrives together is swept together. */
  gatherMs: number
  /** The longest wait between sweeps when nothing wakes the sweeper. */
  maxIdleMs: number
  /**
   * Does the due work, with a fixed number of statements.
   *
   * @returns milliseconds until more work is due for which nobody wakes the sweeper; 0: more is due now
   */
  sweep(): Promise<number>
}

/** Pause after a failed sweep, doubling: it spares a database that is down, and sweeps resume within seconds. */
const firstErrorPauseMs = 250
const maxErrorPauseMs = 4_000

/** Starts a loop that sweeps when it is woken, and at the time that the last sweep returned. */
export function startSweeper({ name, log, gatherMs, maxIdleMs, sweep }: SweeperOptions) {
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
    /** Signals that work may be due. A sweep follows soon and includes other work that arrives before it. */
    wake: () => wakeUp.ring(),
    /** Resolves once the sweep under way has ended. No sweep starts after it. */
    async stop() {
      stopping = true
      wakeUp.ring()
      await running
    },
  }
}
