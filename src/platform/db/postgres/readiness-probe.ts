import type pg from 'pg'
import { type DatabaseState, unavailableReason } from '../database-errors.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { connectAlone, endQuickly } from './single-connection.ts'

/**
 * Checks whether the database takes writes. Keeps one connection while checks are frequent, so that a check never waits
 * for a pool. The connection is replaced within the same check when it has failed, is too old, or reports read-only, which
 * may be outdated in an old session.
 */
export function createReadinessProbe(connectionString: string, limits: ConnectionLimits) {
  let client: pg.Client | undefined
  let openedAt = 0
  let asking: Promise<DatabaseState> | undefined
  let ended = false
  let idle: NodeJS.Timeout | undefined

  const drop = () => {
    if (client) endQuickly(client)
    client = undefined
  }
  /** Half of the deadline each for a check on the old connection and one on a new connection. */
  const stepMs = limits.readinessMs / 2

  const askKept = async (): Promise<DatabaseState | undefined> => {
    if (!client || performance.now() - openedAt > limits.maxAgeMs) return undefined
    return stateOf(client).catch(() => undefined)
  }
  const askAnew = async (): Promise<DatabaseState> => {
    drop()
    try {
      const opened = await connectAlone(connectionString, { ...limits, connectTimeoutMs: stepMs }, stepMs)
      if (ended) {
        endQuickly(opened)
        return 'unreachable'
      }
      client = opened
      openedAt = performance.now()
      const state = await stateOf(opened)
      if (state !== 'ready') drop()
      return state
    } catch (error) {
      drop()
      return unavailableReason(error) ?? 'unreachable'
    }
  }
  const ask = () => {
    clearTimeout(idle)
    asking ??= askKept()
      .then((state) => (state === 'ready' ? state : askAnew()))
      .finally(() => {
        asking = undefined
        clearTimeout(idle)
        idle = setTimeout(drop, limits.readinessIdleMs).unref()
      })
    return asking
  }
  return {
    /** Concurrent calls share one check. Never rejects, and takes at most `readinessMs`. */
    ask,
    /** Checks in a new session, because an old one may report an outdated state. */
    askAnew() {
      if (!asking) drop()
      return ask()
    },
    end() {
      ended = true
      clearTimeout(idle)
      drop()
    },
  }
}

async function stateOf(client: pg.Client): Promise<DatabaseState> {
  const { rows } = await client.query<{ readOnly: boolean }>(
    `select current_setting('transaction_read_only')::bool as "readOnly"`,
  )
  return rows[0]!.readOnly ? 'read-only' : 'ready'
}
