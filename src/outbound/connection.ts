import type { TLSSocket } from 'node:tls'
import { Client } from 'undici'
import type { Destination } from './destination.ts'
import type { GuardedConnect } from './guarded-connect.ts'
import type { OutboundLimits } from './outbound-limits.ts'
import { createResponseHead, type ResponseHead, readThrough } from './response-head.ts'

/** An exchange that waits for a connection. Either `start` or `fail` is called, once, unless it leaves first. */
export interface Waiter {
  /** Milliseconds of performance.now(). The waiter accepts only a connection that was opened later. */
  readonly openedAfter?: number | undefined
  start(connection: Connection): void
  fail(error: Error): void
}

/** One open connection. An exchange may dispatch to `client` between `start` and `release`. */
export interface Connection {
  readonly client: Client
  readonly multiplexed: boolean
  readonly capacity: number
  /** Milliseconds of performance.now() at the last answer; tells a dead connection from a slow answer. */
  lastAnswerAt: number
  /** Milliseconds of performance.now(), as are the others. */
  readonly dialledAt: number
  readonly openedAt: number
  /** Whether the connection has been idle: the peer may have closed it meanwhile. */
  hasIdled: boolean
  /** HTTP/1.1 only: the filter that reads the head of the answer. */
  head: ResponseHead | null
  active: number
  brokenOff: number
  usable: boolean
  /** The first error of the socket, even one that occurs before undici listens to the socket. */
  socketError: Error | null
  readonly origin: Origin
  /** The open socket until the first exchange. Before that, undici does not watch the socket. */
  unused: TLSSocket | null
}

/** An attempt to open a connection. */
export interface Dial {
  /** Milliseconds of performance.now(). */
  readonly startedAt: number
  /** Null until the connection attempt has started. */
  socket: { destroy(): void } | null
  abandoned: boolean
}

/** A destination and the connections to it. */
export interface Origin {
  readonly destination: Destination
  /** In order of arrival. A set, because a waiter whose deadline passes leaves from the middle. */
  readonly waiting: Set<Waiter>
  connections: Connection[]
  readonly dials: Set<Dial>
  /** Whether the last handshake agreed on HTTP/2; null before the first handshake. */
  multiplexed: boolean | null
}

/** How long undici may keep a request after its exchange gave up, if the HTTP/2 peer allows no stream for it. */
const strandedRequestMs = 30_000

/** Makes a connection of a socket that has just been opened. */
export function openConnection(
  origin: Origin,
  socket: TLSSocket,
  dialledAt: number,
  connect: GuardedConnect,
  limits: OutboundLimits,
): Connection {
  const multiplexed = socket.alpnProtocol === 'h2'
  const head = multiplexed ? null : createResponseHead(limits.headerBytes)
  const connection: Connection = {
    client: makeClient(origin, socket, head, connect, limits),
    multiplexed,
    capacity: multiplexed ? limits.http2StreamsPerConnection : 1,
    lastAnswerAt: 0,
    dialledAt,
    openedAt: performance.now(),
    hasIdled: false,
    head,
    active: 0,
    brokenOff: 0,
    usable: true,
    socketError: null,
    origin,
    unused: socket,
  }
  socket.once('error', (error) => {
    connection.socketError = error
  })
  return connection
}

/** Creates a Client on an open socket. If the Client has to reconnect (GOAWAY), it uses the guarded connect. */
function makeClient(
  { destination }: Origin,
  opened: TLSSocket,
  head: ResponseHead | null,
  connect: GuardedConnect,
  limits: OutboundLimits,
): Client {
  let next: TLSSocket | null = opened
  const multiplexed = head === null
  return new Client(destination.url.origin, {
    connect: (_target, callback) => {
      const socket = next
      next = null
      if (socket) {
        // Deferred, because the Client is still inside the call that asked for the connection.
        queueMicrotask(() => callback(null, readThrough(head, socket)))
      } else {
        connect(destination, (error, socket) =>
          error ? callback(error, null) : callback(null, readThrough(head, socket)),
        )
      }
    },
    maxHeaderSize: limits.headerBytes,
    keepAliveTimeout: multiplexed ? limits.http2IdleMs : limits.http1IdleMs,
    keepAliveMaxTimeout: limits.http1MaxIdleMs,
    headersTimeout: strandedRequestMs,
    h2Options: { maxConcurrentStreams: limits.http2StreamsPerConnection },
    // undici 8 reads this option here, although its types place it in h2Options.
    initialWindowSize: limits.http2WindowBytes,
  })
}
