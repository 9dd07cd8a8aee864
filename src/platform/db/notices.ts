import type { Logger } from 'pino'
import type { OpenDatabase } from './db.ts'

/** Notifications of the database (LISTEN, NOTIFY), for the parts of this process that want them. */
export interface Notices {
  /** Calls back for every notification of a channel. */
  on(channel: string, listener: NoticeListener): void
  /** Whether they are heard at all. Where not, as behind a pooler in transaction mode, whoever waits has to look. */
  readonly areHeard: boolean
  stop(): void
}

export interface NoticeListener {
  received(payload: string): void
  /** Notifications may have been lost: it listens only now, or again. */
  missed(): void
}

/** A database that is away when a listener comes is asked again after this. */
const retryMs = 2_000

/** Listens on the connection that the open database has for it, which is connected anew whenever it is lost. */
export function createNotices({ queueDb }: Pick<OpenDatabase, 'queueDb'>, log: Logger): Notices {
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
    areHeard,
    on(channel, listener) {
      if (areHeard) listen(channel, listener)
    },
    stop() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
