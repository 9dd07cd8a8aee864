import type pg from 'pg'
import { planAgainMs } from '../statement-names.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import type { SilenceWatch } from './silence-watch.ts'

export interface SessionOptions {
  limits: ConnectionLimits
  /** `set` for each new connection, such as `enable_sort = off`. */
  settings: readonly string[]
  /** False behind a pooler in transaction mode, where a session's settings do not persist. */
  hasSessions: boolean
  /** Sends statements that are issued together in one write. */
  pipeline: boolean
  watch: SilenceWatch
}

interface Known {
  generation: number
  /** The session's current `statement_timeout`. */
  statementMs: number | undefined
  plannedAtMs: number
}

/** The sessions of a pool's connections: their settings, and whether they may still be used. */
export function createPoolSessions({ limits, settings, hasSessions, pipeline, watch }: SessionOptions) {
  const known = new WeakMap<pg.ClientBase, Known>()
  let generation = 0
  return {
    /** Prepares the session of a new connection. */
    async open(client: pg.ClientBase): Promise<void> {
      // The connection's statements report the error. Without a listener the event would end the process.
      client.on('error', () => {})
      known.set(client, { generation, statementMs: undefined, plannedAtMs: performance.now() })
      watch.add(client)
      if (!hasSessions) return
      const all = [...settings, `idle_in_transaction_session_timeout = ${limits.idleTransactionMs}`]
      const statements = [...all.map((setting) => `set ${setting}`), 'select pg_backend_pid() as pid']
      const results = (await client.query(statements.join('; '))) as unknown as pg.QueryResult<{
        pid: number
      }>[]
      watch.identify(client, results.at(-1)!.rows[0]!.pid)
    },
    /**
     * Sets how long a statement of the session may take, and discards plans that may be out of date. With pipelining, the
     * next statement does not wait for the answer.
     */
    async prepare(client: pg.ClientBase, timeoutMs: number): Promise<void> {
      const session = known.get(client)!
      if (!hasSessions) return
      const statements: string[] = []
      if (performance.now() - session.plannedAtMs >= planAgainMs) {
        session.plannedAtMs = performance.now()
        statements.push('discard plans')
      }
      if (session.statementMs !== timeoutMs) {
        session.statementMs = timeoutMs
        statements.push(`set statement_timeout = ${timeoutMs}`)
      }
      if (statements.length === 0) return
      const told = client.query(statements.join('; ')).then(
        () => {},
        () => {
          session.generation = -1
        },
      )
      if (!pipeline) await told
    },
    /** Whether the session is as it was prepared, and was opened since the last {@link renew}. */
    isCurrent: (client: pg.ClientBase) => known.get(client)?.generation === generation,
    renew() {
      generation += 1
    },
  }
}
