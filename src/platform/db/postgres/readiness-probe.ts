import type pg from 'pg'
import { unavailableReason } from '../database-errors.ts'
import type { DatabaseState } from './availability.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { connectAlone, endQuickly } from './single-connection.ts'

/** Asks the database whether it takes writes. */
export interface ReadinessProbe {
  /** Who asks while a question is under way shares its answer. Never rejects, and takes `readinessMs` at most. */
  ask(): Promise<DatabaseState>
  /** The same in a new session, which may be told what an old one is not. */
  askAnew(): Promise<DatabaseState>
  end(): void
}

/**
 * Keeps one connection for the question while it is asked often, so that it never waits for a pool. One that
 * has failed, that says read-only (it may be an old session of a database that no longer is) or that has grown old is
 * replaced within the same question.
 */
export function createReadinessProbe(connectionString: string, limits: ConnectionLimits): ReadinessProbe {
  let client: pg.Client | undefined
  let openedAt = 0
  let asking: Promise<DatabaseState> | undefined
  let ended = false
  let idle: NodeJS.Timeout | undefined

  const drop = () => {
    if (client) endQuickly(client)
    client = undefined
  }
  /** Two of them fit into the deadline: an old connection's and a new one's. */
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
    ask,
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
