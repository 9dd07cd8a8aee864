import type { Writable } from 'node:stream'
import pg from 'pg'
import { DatabaseUnavailable, unavailableReason } from '../database-errors.ts'
import type { ConnectionUse } from '../db.ts'
import { statementContext } from '../statement-context.ts'
import { createStatementNames, planAgainMs } from '../statement-names.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { createConnectionShares } from './connection-shares.ts'
import type { SilenceWatch } from './silence-watch.ts'

/** A connection that is somebody's until it is released. */
export interface Connection {
  readonly processID: number | null
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>
  /** @param destroy it is in a state that nobody knows */
  release(destroy?: boolean): void
}

/**
 * Connections to PostgreSQL. What fails because the database cannot be reached or takes no writes fails as
 * DatabaseUnavailable, with an error of the server or of the network as its cause.
 */
export interface ConnectionPool {
  connect(): Promise<Connection>
  /** One statement; a statement's name is left out, for poolers that prepare none. */
  query(statement: string | { text: string; values?: unknown[] }, values?: unknown[]): Promise<pg.QueryResult>
  use(): ConnectionUse
  /** None of the connections that are open now is used for another statement. */
  renew(): void
  /** Safe to call twice. */
  end(): Promise<void>
}

export interface PoolOptions {
  connectionString: string
  applicationName: string
  maxConnections: number
  limits: ConnectionLimits
  /** `set` for each new connection, such as `enable_sort = off`. */
  settings: readonly string[]
  /** False behind a pooler in transaction mode: what is set there does not stay with us. */
  hasSessions: boolean
  /** Statements that are asked for together go out together, in one write. */
  pipeline: boolean
  watch: SilenceWatch
  onUnavailable: (error: DatabaseUnavailable) => void
  /** While it says so no connection is kept: each knows only the mode that it was opened in. */
  isReadOnly: () => boolean
}

interface Known {
  generation: number
  /** What its session was told last. */
  statementMs: number | undefined
  plannedAtMs: number
}

export function openConnectionPool(options: PoolOptions): ConnectionPool {
  const { limits, watch } = options
  const shares = createConnectionShares(options.maxConnections, limits.waitMs)
  const known = new WeakMap<pg.ClientBase, Known>()
  const nameOf = createStatementNames()
  let generation = 0
  let ended: Promise<void> | undefined

  const unavailable = (error: unknown): unknown => {
    const reason = unavailableReason(error)
    if (!reason) return error
    const wrapped = new DatabaseUnavailable(reason, error)
    options.onUnavailable(wrapped)
    return wrapped
  }

  const prepare = async (client: pg.ClientBase): Promise<void> => {
    // Its statements fail by themselves; unheard, the event would end the process.
    client.on('error', () => {})
    known.set(client, { generation, statementMs: undefined, plannedAtMs: performance.now() })
    watch.add(client)
    if (!options.hasSessions) return
    const settings = [
      ...options.settings,
      `idle_in_transaction_session_timeout = ${limits.idleTransactionMs}`,
    ]
    const statements = [...settings.map((setting) => `set ${setting}`), 'select pg_backend_pid() as pid']
    const results = (await client.query(statements.join('; '))) as unknown as pg.QueryResult<{
      pid: number
    }>[]
    watch.identify(client, results.at(-1)!.rows[0]!.pid)
  }

  const pool = new pg.Pool({
    connectionString: options.connectionString,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    idleTimeoutMillis: limits.idleMs,
    maxLifetimeSeconds: limits.maxAgeMs / 1_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: limits.keepAliveDelayMs,
    pipeline: options.pipeline,
    query_timeout: options.hasSessions ? undefined : limits.pooledStatementMs,
    // Awaited before the connection is given to anybody, which its type does not say.
    onConnect: (client) => prepare(client) as unknown as undefined,
  })
  // Without a listener a connection that drops while idle would end the process.
  pool.on('error', unavailable)

  /**
   * Sets how long a statement of the session may take, and discards plans that may be out of date. With pipelining, the
   * next statement does not wait for the answer.
   */
  const prepareSession = async (client: pg.PoolClient, timeoutMs: number) => {
    const session = known.get(client)!
    if (!options.hasSessions) return
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
    if (!options.pipeline) await told
  }

  const acquire = async (): Promise<pg.PoolClient> => {
    for (;;) {
      const client = await pool.connect().catch((error: unknown) => Promise.reject(unavailable(error)))
      if (known.get(client)?.generation === generation) return client
      watch.end(client)
      client.release(true)
    }
  }

  const connect = async (): Promise<Connection> => {
    const { caller, timeoutMs = limits.statementMs } = statementContext.getStore() ?? {}
    const giveBack = await shares.take(caller)
    try {
      const client = await acquire()
      await prepareSession(client, timeoutMs)
      return lend(client, giveBack, caller === undefined && options.hasSessions)
    } catch (error) {
      giveBack()
      throw error
    }
  }

  /** A transaction's first statement goes out with its begin, whose answer nobody waits for. */
  const begin = (client: pg.PoolClient, onFailed: (error: unknown) => void): pg.QueryResult => {
    client.query('begin').catch(onFailed)
    return { command: 'BEGIN', rowCount: null, oid: 0, fields: [], rows: [] }
  }

  const lend = (client: pg.PoolClient, giveBack: () => void, prepares: boolean): Connection => {
    const { stream } = (client as unknown as { connection: { stream: Writable } }).connection
    let isSpoilt = false
    let notBegun: unknown
    return {
      processID: (client as unknown as { processID: number | null }).processID,
      async query(text, values) {
        if (options.pipeline) gatherWrites(stream)
        if (options.pipeline && text === 'begin') return begin(client, (error) => (notBegun ??= error))
        try {
          // Without values it may be several statements, of which none can be prepared.
          const name = prepares && values?.length ? nameOf(text) : undefined
          const result = await client.query({ text, values: values as unknown[] | undefined, name })
          if (notBegun) throw notBegun
          return result
        } catch (error) {
          const told = unavailable(error)
          if (told !== error || notBegun) isSpoilt = true
          throw told
        }
      },
      release(destroy = false) {
        const isOld = known.get(client)?.generation !== generation
        client.release(destroy || isSpoilt || isOld || options.isReadOnly())
        giveBack()
      },
    }
  }

  return {
    connect,
    async query(statement, values) {
      const connection = await connect()
      let failed = true
      try {
        const { text, values: own } = typeof statement === 'string' ? { text: statement } : statement
        const result = await connection.query(text, values ?? own)
        failed = false
        return result
      } finally {
        // A failure inside of a statement's own `begin` would leave the next one in its transaction.
        connection.release(failed)
      }
    },
    use: () => ({
      inUse: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: shares.waiting() + pool.waitingCount,
      limit: options.maxConnections,
    }),
    renew() {
      generation += 1
    },
    end: () => (ended ??= pool.end()),
  }
}

/** Sends what is written in this turn of the event loop at once: the server wakes up once for it, and so do we. */
function gatherWrites(stream: Writable): void {
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}
