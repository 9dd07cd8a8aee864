/** Limits of the connections to PostgreSQL. Names that end in `Ms` are milliseconds. */
export interface ConnectionLimits {
  /** Size of the pool for requests and workers. The queue has a separate pool. */
  maxConnections: number
  connectTimeoutMs: number
  /** How long an idle connection is kept. A new one has to load the table definitions, which takes up to 100 ms. */
  idleMs: number
  /** Maximum age of a connection: replaces those to a former primary, and frees the memory they use on the server. */
  maxAgeMs: number
  /** TCP keepalive starts after a connection has been silent for this long. */
  keepAliveDelayMs: number
  /** After this long without an answer, another connection checks whether the server still runs the statement. */
  silenceMs: number
  checkEveryMs: number
  /** How often the listening connection is checked. */
  listenCheckMs: number
  /** Timeout of statements outside of requests. The longest ones split an audience of millions. */
  statementMs: number
  /** Statement timeout behind a pooler in transaction mode, where running statements cannot be checked. */
  pooledStatementMs: number
  /** The server ends a transaction that is idle for this long, and releases its locks: its process has died. */
  idleTransactionMs: number
  /** How long a statement waits for a free connection. */
  waitMs: number
  /** Timeout of the readiness check for `/readyz`. */
  readinessMs: number
  /** How long the readiness check's connection is kept without a check. */
  readinessIdleMs: number
  /** Delay before the first recheck during an outage. It doubles each time, up to `maxProbeMs`. */
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
