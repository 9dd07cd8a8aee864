/** Limits of the connections to PostgreSQL; milliseconds unless the name says otherwise. */
export interface ConnectionLimits {
  /** Connections of the pool for requests and workers; the queue has a few of its own. */
  maxConnections: number
  connectTimeoutMs: number
  /** How long a connection without work is kept. A new one has to learn the tables, which takes up to 100 ms. */
  idleMs: number
  /** No connection grows older, so that none outlives a failover or the memory that it has gathered on the server. */
  maxAgeMs: number
  /** TCP asks after a connection that says nothing for so long. */
  keepAliveDelayMs: number
  /** A statement without an answer for so long is asked after on a connection of its own. */
  silenceMs: number
  checkEveryMs: number
  /** How often the listening connection is asked whether it still listens. */
  listenCheckMs: number
  /** For a statement that is no request's: the longest are those that cut an audience of millions. */
  statementMs: number
  /** Behind a pooler in transaction mode nobody can be asked whether a statement still runs. */
  pooledStatementMs: number
  /** A transaction that asks nothing for so long has lost its process; the server ends it, and its locks with it. */
  idleTransactionMs: number
  /** For a free connection. */
  waitMs: number
  /** For the answer of `/readyz`. */
  readinessMs: number
  /** How long the connection for it is kept when nobody asks. */
  readinessIdleMs: number
  /** An outage is looked at again after this, and after twice as long each time, up to `maxProbeMs`. */
  probeMs: number
  maxProbeMs: number
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxConnections: 10,
  connectTimeoutMs: 5_000,
  idleMs: 60_000,
  maxAgeMs: 1_800_000,
  keepAliveDelayMs: 10_000,
  silenceMs: 3_000,
  checkEveryMs: 1_000,
  listenCheckMs: 5_000,
  statementMs: 1_800_000,
  pooledStatementMs: 60_000,
  idleTransactionMs: 30_000,
  waitMs: 5_000,
  readinessMs: 2_000,
  readinessIdleMs: 5_000,
  probeMs: 250,
  maxProbeMs: 2_000,
}
