import type { TLSSocket } from 'node:tls'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { type Connection, type Dial, type Origin, openConnection, type Waiter } from './connection.ts'
import type { Destination } from './destination.ts'
import type { GuardedConnect } from './guarded-connect.ts'
import type { OutboundLimits } from './outbound-limits.ts'

/**
 * Connections by origin, opened on demand. The first connection is opened alone, because its handshake tells whether
 * the origin speaks HTTP/2 (few connections, many streams) or HTTP/1.1 (many connections). undici does the parsing and
 * framing, with one Client per connection. Its Pool and Agent are not used because a request cannot leave their queue:
 * behind a host that hangs, requests whose deadline has passed would pile up, and each would open one more connection.
 */
export function createConnectionPool(connect: GuardedConnect, limits: OutboundLimits) {
  const origins = new Map<string, Origin>()
  const idle = new Set<Connection>()
  let closed = false

  /** Queues a waiter for a connection to a destination; `waiter.start` may run before this returns. */
  function enter(destination: Destination, waiter: Waiter): void {
    const origin = originOf(destination)
    origin.waiting.add(waiter)
    serve(origin)
    dialAsNeeded(origin)
  }

  /** Removes a waiter. When the last waiter leaves, the pool abandons the dials to that destination. */
  function leave({ key }: Destination, waiter: Waiter): void {
    const origin = origins.get(key)
    if (!origin?.waiting.delete(waiter) || origin.waiting.size > 0) {
      return
    }
    abandonDials(origin)
    forgetIfUnused(origin)
  }

  /** Gives a connection back after an exchange. */
  function release(connection: Connection, reusable: boolean): void {
    connection.active -= 1
    if (!reusable) {
      retire(connection)
    } else if (connection.usable && connection.active === 0) {
      keepIdle(connection)
    }
    serve(connection.origin)
    dialAsNeeded(connection.origin)
    forgetIfUnused(connection.origin)
  }

  /** Takes a connection out of use. Exchanges that still run on it may finish. */
  function retire(connection: Connection): void {
    if (!connection.usable) return
    const { origin } = connection
    connection.usable = false
    connection.unused?.destroy()
    idle.delete(connection)
    origin.connections = origin.connections.filter((other) => other !== connection)
    void connection.client.close().catch(() => {})
    forgetIfUnused(origin)
  }

  /**
   * Counts an exchange that was aborted while it ran. A peer that gets too many stream resets takes them for an attack
   * (CVE-2023-44487; Node.js after 1,000) and closes the connection with all its exchanges. The pool replaces it
   * before.
   */
  function noteBrokenOff(connection: Connection): void {
    connection.brokenOff += 1
    const isWorn = connection.brokenOff >= limits.http2BrokenOffPerConnection
    if (connection.multiplexed && isWorn) retire(connection)
  }

  /** Fails all waiters and aborts all running exchanges. */
  async function close(error: Error): Promise<void> {
    closed = true
    const closing: Promise<void>[] = []
    for (const origin of [...origins.values()]) {
      abandonDials(origin)
      failAll(origin, error)
      for (const connection of origin.connections) {
        connection.unused?.destroy()
        closing.push(connection.client.destroy(error))
      }
      origin.connections = []
    }
    origins.clear()
    idle.clear()
    await Promise.all(closing)
  }

  const originOf = (destination: Destination): Origin =>
    getOrInsert(origins, destination.key, () => ({
      destination,
      waiting: new Set(),
      connections: [],
      dials: new Set(),
      multiplexed: null,
    }))

  function forgetIfUnused(origin: Origin): void {
    const isUnused = origin.waiting.size + origin.connections.length + origin.dials.size === 0
    // A connection released late may belong to an origin that was forgotten and has since been created again.
    if (isUnused && origins.get(origin.destination.key) === origin) {
      origins.delete(origin.destination.key)
    }
  }

  /** Hands free connections to the waiters, in order of arrival. */
  function serve(origin: Origin): void {
    for (const waiter of origin.waiting) {
      // Searches from the front, so that connections at the back become idle and close when fewer are needed.
      const { openedAfter = Number.NEGATIVE_INFINITY } = waiter
      const connection = origin.connections.find(
        ({ active, capacity, openedAt }) => active < capacity && openedAt > openedAfter,
      )
      if (!connection) {
        if (waiter.openedAfter === undefined) return
        continue
      }
      origin.waiting.delete(waiter)
      idle.delete(connection)
      connection.unused = null
      connection.active += 1
      waiter.start(connection)
    }
  }

  function dialAsNeeded(origin: Origin): void {
    const wanted = Math.min(origin.waiting.size, dialLimit(origin))
    while (!closed && origin.dials.size < wanted) {
      dial(origin)
    }
  }

  function dialLimit({ multiplexed, connections }: Origin): number {
    if (multiplexed === null) {
      return 1
    }
    return multiplexed
      ? Math.min(1, limits.http2ConnectionsPerOrigin - connections.length)
      : limits.http1ConnectionsPerOrigin - connections.length
  }

  function dial(origin: Origin): void {
    const dial: Dial = { startedAt: performance.now(), socket: null, abandoned: false }
    origin.dials.add(dial)
    dial.socket = connect(origin.destination, (error, socket) => {
      if (dial.abandoned) {
        socket?.destroy()
        return
      }
      origin.dials.delete(dial)
      if (error) {
        dialFailed(origin, error)
      } else {
        dialled(origin, socket, dial.startedAt)
      }
    })
  }

  /** If the origin has other connections, they serve the waiters. The next waiter to enter dials again. */
  function dialFailed(origin: Origin, error: Error): void {
    if (origin.connections.length === 0) {
      failAll(origin, error)
    }
    forgetIfUnused(origin)
  }

  function dialled(origin: Origin, socket: TLSSocket, dialledAt: number): void {
    const connection = openConnection(origin, socket, dialledAt, connect, limits)
    const lost = () => {
      retire(connection)
      dialAsNeeded(origin)
    }
    connection.client.on('disconnect', lost).on('connectionError', lost)
    origin.multiplexed = connection.multiplexed
    origin.connections.push(connection)
    serve(origin)
    dialAsNeeded(origin)
    if (connection.unused) {
      keepUnused(connection, socket)
    }
  }

  /** Other connections served all waiters first. This one is kept idle, as if it had already had an exchange. */
  function keepUnused(connection: Connection, socket: TLSSocket): void {
    const giveUp = () => {
      if (connection.unused) {
        retire(connection)
      }
    }
    const timer = setTimeout(giveUp, limits.http1IdleMs).unref()
    socket.once('close', () => {
      clearTimeout(timer)
      giveUp()
    })
    keepIdle(connection)
  }

  function keepIdle(connection: Connection): void {
    connection.hasIdled = true
    idle.add(connection)
    if (idle.size > limits.idleConnections) {
      const [oldest] = idle
      retire(oldest!)
    }
  }

  return {
    /** Number of known origins: origins with a connection, a dial or a waiter. */
    originCount: () => origins.size,
    enter,
    leave,
    release,
    retire,
    noteBrokenOff,
    close,
  }
}

export type ConnectionPool = ReturnType<typeof createConnectionPool>

function abandonDials({ dials }: Origin): void {
  for (const dial of dials) {
    dial.abandoned = true
    dial.socket?.destroy()
  }
  dials.clear()
}

function failAll(origin: Origin, error: Error): void {
  const waiters = [...origin.waiting]
  origin.waiting.clear()
  for (const waiter of waiters) {
    waiter.fail(error)
  }
}
