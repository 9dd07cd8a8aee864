import type { Writable } from 'node:stream'
import pg from 'pg'
import { DatabaseUnavailable, unavailableReason } from '../database-errors.ts'
import type { ConnectionUse } from '../db.ts'
import { statementContext } from '../statement-context.ts'
import { createStatementNames } from '../statement-names.ts'
import { valueTypes } from '../value-types.ts'
import { createConnectionShares } from './connection-shares.ts'
import { createPoolSessions, type SessionOptions } from './pool-sessions.ts'

/** A connection that belongs to its borrower until it is released. */
export interface Connection {
  readonly processID: number | null
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>
  /** @param destroy closes the connection, because its state is unknown */
  release(destroy?: boolean): void
}

export interface PoolOptions extends SessionOptions {
  connectionString: string
  applicationName: string
  maxConnections: number
  onUnavailable: (error: DatabaseUnavailable) => void
  /** While true, released connections are closed: a session only knows the mode that it was opened in. */
  isReadOnly: () => boolean
}

/**
 * Begins the reads of read-by-index.ts. A transaction's settings also work behind a pooler. Before version 18,
 * PostgreSQL counts a sort that it cannot avoid as so expensive that it would compile the statement (JIT).
 */
const beginByIndex = [
  'begin',
  ...['enable_sort', 'enable_bitmapscan', 'enable_seqscan', 'jit'].map(
    (setting) => `set local ${setting} = off`,
  ),
].join('; ')

const begun: pg.QueryResult = { command: 'BEGIN', rowCount: null, oid: 0, fields: [], rows: [] }

export function openConnectionPool(options: PoolOptions) {
  const { limits, watch } = options
  const shares = createConnectionShares(options.maxConnections, limits.waitMs)
  const sessions = createPoolSessions(options)
  const nameOf = createStatementNames()
  let ended: Promise<void> | undefined

  const unavailable = (error: unknown): unknown => {
    const reason = unavailableReason(error)
    if (!reason) return error
    const wrapped = new DatabaseUnavailable(reason, error)
    options.onUnavailable(wrapped)
    return wrapped
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
    types: valueTypes,
    query_timeout: options.hasSessions ? undefined : limits.pooledStatementMs,
    // The pool awaits this before it hands out the connection, although the type says otherwise.
    onConnect: (client) => sessions.open(client) as unknown as undefined,
  })
  // Without a listener a connection that drops while idle would end the process.
  pool.on('error', unavailable)

  const acquire = async (): Promise<pg.PoolClient> => {
    for (;;) {
      const client = await pool.connect().catch((error: unknown) => Promise.reject(unavailable(error)))
      if (sessions.isCurrent(client)) return client
      watch.end(client)
      client.release(true)
    }
  }

  const connect = async (): Promise<Connection> => {
    const { caller, timeoutMs = limits.statementMs, byIndex = false } = statementContext.getStore() ?? {}
    const giveBack = await shares.take(caller)
    try {
      const client = await acquire()
      await sessions.prepare(client, timeoutMs)
      return lend(client, giveBack, { prepares: caller === undefined && options.hasSessions, byIndex })
    } catch (error) {
      giveBack()
      throw error
    }
  }

  const lend = (
    client: pg.PoolClient,
    giveBack: () => void,
    { prepares, byIndex }: { prepares: boolean; byIndex: boolean },
  ): Connection => {
    const { stream } = (client as unknown as { connection: { stream: Writable } }).connection
    let isSpoilt = false
    let notBegun: unknown
    /** Does not wait for the answer, so that it is sent together with the transaction's first statement. */
    const begin = (how: string) => {
      if (options.pipeline) gatherWrites(stream)
      client.query(how).catch((error: unknown) => (notBegun ??= error))
    }
    let endsOnRelease = byIndex
    if (byIndex) begin(beginByIndex)
    return {
      processID: (client as unknown as { processID: number | null }).processID,
      async query(text, values) {
        if (text === 'begin' && (options.pipeline || byIndex)) {
          if (!byIndex) begin(text)
          endsOnRelease = false
          return begun
        }
        if (options.pipeline) gatherWrites(stream)
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
        // Statements of the next borrower are sent after it, so nobody waits for the answer.
        if (endsOnRelease) client.query('commit').catch(() => {})
        client.release(destroy || isSpoilt || !sessions.isCurrent(client) || options.isReadOnly())
        giveBack()
      },
    }
  }

  return {
    connect,
    /** Runs one statement. Its `name` is ignored, for poolers without prepared statements. */
    async query(
      statement: string | { text: string; values?: unknown[] },
      values?: unknown[],
    ): Promise<pg.QueryResult> {
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
    use: (): ConnectionUse => ({
      inUse: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: shares.waiting() + pool.waitingCount,
      limit: options.maxConnections,
    }),
    /** Retires all open connections: later statements use new ones. */
    renew: sessions.renew,
    /** Safe to call twice. */
    end: () => (ended ??= pool.end()),
  }
}

/**
 * Connections to PostgreSQL. When the database cannot be reached or takes no writes, calls reject with
 * DatabaseUnavailable, whose cause is the error of the server or the network.
 */
export type ConnectionPool = ReturnType<typeof openConnectionPool>

/** Sends everything written in this turn of the event loop at once: the server and this process each wake up once. */
function gatherWrites(stream: Writable): void {
  if (stream.writableCorked > 0) return
  stream.cork()
  process.nextTick(() => stream.uncork())
}
