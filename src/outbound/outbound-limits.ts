/** Limits of the outbound client and its pool of connections. */
export const defaultOutboundLimits = {
  /** Connections to one origin that speaks HTTP/1.1. Each carries one exchange at a time. */
  http1ConnectionsPerOrigin: 64,
  /** Connections to one origin that speaks HTTP/2. */
  http2ConnectionsPerOrigin: 2,
  /** Concurrent exchanges on one HTTP/2 connection. If the peer allows fewer, the others wait in its client. */
  http2StreamsPerConnection: 128,
  /** Exchanges aborted on one HTTP/2 connection before it is replaced; see `noteBrokenOff` in connection-pool.ts. */
  http2BrokenOffPerConnection: 250,
  /**
   * Bytes of one answer that an HTTP/2 peer may send before the client has read them. The service reads little of an
   * answer. A peer that floods would fill undici's 256 KiB, all to be decrypted.
   */
  http2WindowBytes: 4_096,
  /** Idle connections kept across all origins. Above this limit, the pool closes the longest idle one. */
  idleConnections: 1_000,
  /** How long the pool keeps an idle HTTP/1.1 connection, unless the Keep-Alive header says otherwise. */
  http1IdleMs: 4_000,
  http1MaxIdleMs: 60_000,
  http2IdleMs: 60_000,
  /** Maximum bytes of an answer's headers (HTTP/1.1; Node limits HTTP/2 header lists itself). */
  headerBytes: 16_384,
  /** Time limit for name look-up, TCP and TLS of one connection. The deadline of an exchange may be shorter. */
  connectTimeoutMs: 10_000,
  /**
   * Once the reader has all the bytes that it wants, the client reads and drops this many more, for at most
   * `dropTimeoutMs`, so that the answer ends by itself. Aborting an answer costs an HTTP/1.1 connection. An HTTP/2 peer
   * counts an aborted answer as open for a while and refuses others, or takes many aborts for an attack.
   */
  droppedBytes: 16_384,
  dropTimeoutMs: 1_000,
  /** Maximum bytes of a request's headers (counted as in RFC 9113 §6.5.2). A request with more is not sent. */
  requestHeaderBytes: 32_768,
  /** A request with more header bytes gets its own connection: some receivers close the whole connection for it. */
  sharedRequestHeaderBytes: 8_192,
}

export type OutboundLimits = typeof defaultOutboundLimits
