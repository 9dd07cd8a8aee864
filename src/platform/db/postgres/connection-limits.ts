/** Limits of the connections to PostgreSQL. Names that end in `Ms` are milliseconds. */
export const defaultConnectionLimits = {
  /** Size of the pool for requests and workers. The queue has a separate pool. */
  maxConnections: 10,
  connectTimeoutMs: 5_000,
  /** How long an idle connection is kept. A new one has to load the table definitions, which takes up to 100 ms. */
  idleMs: 60_000,
  /** Maximum age of a connection: replaces those to a former primary, and frees the memory they use on the server. */
  maxAgeMs: 1_800_000,
  /** TCP keepalive starts after a connection has been silent for this long. */
  keepAliveDelayMs: 10_000,
  /** After this long without an answer, another connection checks whether the server still runs the statement. */
  silenceMs: 3_000,
  checkEveryMs: 1_000,
  /** How often the listening connection is checked. */
  listenCheckMs: 5_000,
  /** How soon the listening connection is replaced after the server ended it. */
  relistenMs: 250,
  /** Timeout of statements outside of requests. The longest ones split an audience of millions. */
  statementMs: 1_800_000,
  /** Statement timeout behind a pooler in transaction mode, where running statements cannot be checked. */
  pooledStatementMs: 60_000,
  /**
   * The server ends a transaction that is idle for this long, and releases its locks: its process is paused or its host
   * has died. As long as a lease, so that the next owner of its lanes does not wait for the locks.
   */
  idleTransactionMs: 10_000,
  /** How long a statement waits for a free connection. */
  waitMs: 5_000,
  /** Timeout of the readiness check for `/readyz`. */
  readinessMs: 2_000,
  /** How long the readiness check's connection is kept without a check. */
  readinessIdleMs: 5_000,
  /** Delay before the first recheck during an outage. It doubles each time, up to `maxProbeMs`. */
  probeMs: 250,
  maxProbeMs: 2_000,
}

export type ConnectionLimits = typeof defaultConnectionLimits
