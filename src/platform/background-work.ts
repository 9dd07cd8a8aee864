import { statementContext } from './db/statement-context.ts'

/** Work that requests leave behind, done for all of them at once. */
export interface BackgroundWork {
  /** Has the work done soon: at once if it has rested, never twice at a time. */
  request(): void
  /** Does once more what was requested, and no more after that. */
  stop(): Promise<void>
}

export interface BackgroundWorkOptions {
  work: () => Promise<void>
  /** Between the end of the work and its next start. */
  restMs: number
  /** Told what the work failed with; it is tried again after the rest. */
  onError: (error: unknown) => void
}

/** The work's statements are the service's own, whichever request they are for. */
export function createBackgroundWork({ work, restMs, onError }: BackgroundWorkOptions): BackgroundWork {
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
    request() {
      isRequested = true
      if (!timer && !running && !isStopped) timer = setTimeout(start, 0).unref()
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
      if (isRequested) await run()
    },
  }
}
