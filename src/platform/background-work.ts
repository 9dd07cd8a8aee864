import { statementContext } from './db/statement-context.ts'

interface BackgroundWorkOptions {
  work: () => Promise<void>
  /** Pause between the end of one run and the start of the next, in milliseconds. */
  restMs: number
  /** Called with the error of a failed run. The work is retried after `restMs`. */
  onError: (error: unknown) => void
}

/**
 * Runs work that several requests cause once for all of them. Its statements count as the service's own, not as those of
 * the request that caused it.
 */
export function createBackgroundWork({ work, restMs, onError }: BackgroundWorkOptions) {
  let isRequested = false
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  const run = async () => {
    isRequested = false
    try {
      await work()
    } catch (error) {
      isRequested = true
      onError(error)
    }
  }
  const start = () => {
    timer = undefined
    if (!isRequested || isStopped) return
    running = statementContext.exit(run).finally(() => {
      running = undefined
      if (!isStopped) timer = setTimeout(start, restMs).unref()
    })
  }
  return {
    /** Runs the work soon: at once unless it ran less than `restMs` ago. Runs never overlap. */
    request() {
      isRequested = true
      if (!timer && !running && !isStopped) timer = setTimeout(start, 0).unref()
    },
    /** Runs the work a last time if it was requested, and ignores later requests. */
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
      if (isRequested) await run()
    },
  }
}
