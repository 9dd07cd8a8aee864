import type { Writable } from 'node:stream'
import pg from 'pg'
import { DatabaseUnavailable, unavailableReason } from '../database-errors.ts'
import type { ConnectionUse } from '../db.ts'
import { statementContext } from '../statement-context.ts'
import { createStatementNames, planAgainMs } from '../statement-names.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { createConnectionShares } from './connection-shares.ts'
import type { SilenceWatch } from './silence-watch.ts'

/** A connection that belongs to its borrower until it is released. */
export interface Connection {
  readonly processID: number | null
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>
  /** @param destroy closes the connection, because its state is unknown */
  release(destroy?: boolean): void
}

/**
 * Connections to PostgreSQL. When the database cannot be reached or takes no writes, calls reject with
 * DatabaseUnavailable, whose cause is the error of the server or the network.
 */
export interface ConnectionPool {
  connect(): Promise<Connection>
  /** Runs one statement. Its `name` is ignored, for poolers without prepared statements. */
  query(statement: string | { text: string; values?: unknown[] }, values?: unknown[]): Promise<pg.QueryResult>
  use(): ConnectionUse
  /** Retires all open connections: later statements use new ones. */
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
  /** False behind a pooler in transaction mode, where a session's settings do not persist. */
  hasSessions: boolean
  /** Sends statements that are issued together in one write. */
  pipeline: boolean
  watch: SilenceWatch
  onUnavailable: (error: DatabaseUnavailable) => void
  /** While true, released connections are closed: a session only knows the mode that it was opened in. */
  isReadOnly: () => boolean
}

interface Known {
  generation: number
  /** The session's current `statement_timeout`. */
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
    // The connection's statements report the error. Without a listener the event would end the process.
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
    // The pool awaits this before it hands out the connection, although the type says otherwise.
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

  /** Does not wait for the answer to `begin`, so that it is sent together with the transaction's first statement. */
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
          // A text without values may hold several statements, which cannot be prepared.
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
        // If a text with its own `begin` fails, the connection would stay in that transaction.
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

/** Sends everything written in this turn of the event loop at once: the server and this process each wake up once. */
function gatherWrites(stream: Writable): void {
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}
