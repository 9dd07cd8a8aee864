import pg from 'pg'
import { sharedRun } from '../../shared-run.ts'

export interface SilenceWatchOptions {
  silenceMs: number
  checkEveryMs: number
  /** Asks the server, over a new connection, which processes are working, and terminates the idle ones. */
  findWorking: (pids: readonly number[]) => Promise<ReadonlySet<number>>
  /** Called with the number of dead connections; connections that are idle now have most likely died as well. */
  onFound: (count: number) => void
}

interface Watched {
  pid: number | undefined
  bytesRead: number
  silentSince: number | undefined
}

/** Members of pg.Client that its types lack. */
type Internals = pg.ClientBase & {
  readyForQuery: boolean
  connection: { stream: { bytesRead: number; destroyed: boolean; destroy(error?: Error): void } }
}
const streamOf = (client: pg.ClientBase) => (client as Internals).connection.stream

export function startSilenceWatch(options: SilenceWatchOptions) {
  const watched = new Map<pg.ClientBase, Watched>()

  /** @returns whether the connection has been silent for too long */
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
      // Looks again: an answer may have waited for this process to read it.
      ([client, state]) => !working.has(state.pid ?? -1) && watched.has(client) && look(client, state, later),
    )
    for (const [client] of dead) end(client)
    if (dead.length > 0) options.onFound(dead.length)
  }

  const timer = setInterval(sharedRun(check), options.checkEveryMs).unref()

  const end = (client: pg.ClientBase) => {
    watched.delete(client)
    streamOf(client).destroy(new Error('the connection stopped answering'))
  }

  return {
    add(client: pg.ClientBase) {
      watched.set(client, { pid: undefined, bytesRead: 0, silentSince: undefined })
      client.on('end', () => watched.delete(client))
    },
    /** @param pid the server's process for the connection */
    identify(client: pg.ClientBase, pid: number) {
      const state = watched.get(client)
      if (state) state.pid = pid
    },
    /** Closes the socket at once, without a termination message that might never arrive. */
    end,
    stop: () => clearInterval(timer),
  }
}

/**
 * Finds connections that died silently, for example because a firewall forgot them: a statement has had no answer for
 * seconds, and the server is not working on it. Statements that the server is working on are never interrupted.
 */
export type SilenceWatch = ReturnType<typeof startSilenceWatch>

/** If the server refuses the query, nothing is known. If it is unreachable, no process counts as working. */
function onlyIfAnswered(error: unknown): ReadonlySet<number> | undefined {
  return error instanceof pg.DatabaseError ? undefined : new Set()
}
