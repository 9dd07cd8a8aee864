import pg from 'pg'

/**
 * Finds connections that have died without a word, as behind a firewall that forgot them: a statement that is not
 * answered for seconds while the server does not work on it. However long a statement takes, one that the server
 * works on is left alone.
 */
export interface SilenceWatch {
  add(client: pg.ClientBase): void
  /** @param pid of the server's process for it */
  identify(client: pg.ClientBase, pid: number): void
  /** Ends a connection without a goodbye that might never arrive. */
  end(client: pg.ClientBase): void
  stop(): void
}

export interface SilenceWatchOptions {
  silenceMs: number
  checkEveryMs: number
  /** Asks the server, over a new connection, which of its processes work; it ends those that do not. */
  findWorking: (pids: readonly number[]) => Promise<ReadonlySet<number>>
  /** Those that are idle at the moment have most likely died with them. */
  onFound: (count: number) => void
}

interface Watched {
  pid: number | undefined
  bytesRead: number
  silentSince: number | undefined
}

/** What of pg.Client is not in its types. */
type Internals = pg.ClientBase & {
  readyForQuery: boolean
  connection: { stream: { bytesRead: number; destroyed: boolean; destroy(error?: Error): void } }
}
const streamOf = (client: pg.ClientBase) => (client as Internals).connection.stream

export function startSilenceWatch(options: SilenceWatchOptions): SilenceWatch {
  const watched = new Map<pg.ClientBase, Watched>()
  let isChecking = false

  /** @returns whether it has said nothing for too long */
  const look = (client: pg.ClientBase, state: Watched, now: number): boolean => {
    const { bytesRead } = streamOf(client)
    const isWaiting = !(client as Internals).readyForQuery
    if (!isWaiting || bytesRead !== state.bytesRead) {
      state.bytesRead = bytesRead
      state.silentSince = isWaiting ? now : undefined
    } else state.silentSince ??= now
    return state.silentSince !== undefined && now - state.silentSince >= options.silenceMs
  }

  const check = async () => {
    const now = performance.now()
    const suspects = [...watched].filter(([client, state]) => look(client, state, now))
    if (suspects.length === 0) return
    const pids = suspects.flatMap(([, { pid }]) => pid ?? [])
    const working = await options.findWorking(pids).catch(onlyIfAnswered)
    if (!working) return
    const later = performance.now()
    const dead = suspects.filter(
      // What it has said meanwhile may have waited for a busy process to read it.
      ([client, state]) => !working.has(state.pid ?? -1) && watched.has(client) && look(client, state, later),
    )
    for (const [client] of dead) end(client)
    if (dead.length > 0) options.onFound(dead.length)
  }

  const timer = setInterval(() => {
    if (isChecking) return
    isChecking = true
    void check().finally(() => {
      isChecking = false
    })
  }, options.checkEveryMs).unref()

  const end = (client: pg.ClientBase) => {
    watched.delete(client)
    streamOf(client).destroy(new Error('the connection stopped answering'))
  }

  return {
    add(client) {
      watched.set(client, { pid: undefined, bytesRead: 0, silentSince: undefined })
      client.on('end', () => watched.delete(client))
    },
    identify(client, pid) {
      const state = watched.get(client)
      if (state) state.pid = pid
    },
    end,
    stop: () => clearInterval(timer),
  }
}

/** A server that refuses the question is there, and nothing is known; one that cannot be asked answers nobody. */
function onlyIfAnswered(error: unknown): ReadonlySet<number> | undefined {
  return error instanceof pg.DatabaseError ? undefined : new Set()
}
