import type { Logger } from 'pino'
import type { OpenDatabase } from './db.ts'

export interface NoticeListener {
  received(payload: string): void
  /** Called when listening starts or resumes: earlier notifications may have been lost. */
  missed(): void
}

/** Delay before another attempt to listen, when the database is unavailable. */
const retryMs = 2_000

/** Listens on the database's listening connection, which reconnects whenever it is lost. */
export function createNotices({ queueDb }: Pick<OpenDatabase, 'queueDb'>, log: Logger) {
  const timers = new Set<NodeJS.Timeout>()
  const listen = (channel: string, listener: NoticeListener) => {
    queueDb!.listen!(channel, listener.received, listener.missed).then(listener.missed, (error: unknown) => {
      log.warn({ err: error, channel }, 'notices.listen_failed')
      const timer = setTimeout(() => {
        timers.delete(timer)
        listen(channel, listener)
      }, retryMs).unref()
      timers.add(timer)
    })
  }
  const areHeard = queueDb?.listen !== undefined
  return {
    /** Whether notifications arrive. They do not behind a pooler in transaction mode; there, callers have to poll. */
    areHeard,
    /** Calls the listener for every notification of a channel. */
    on(channel: string, listener: NoticeListener) {
      if (areHeard) listen(channel, listener)
    },
    stop() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

/** Delivers notifications of the database (LISTEN, NOTIFY) to listeners in this process. */
export type Notices = ReturnType<typeof createNotices>
