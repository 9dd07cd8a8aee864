import type { TLSSocket } from 'node:tls'
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
export class ConnectionPool {
  readonly #connect: GuardedConnect
  readonly #limits: OutboundLimits
  readonly #origins = new Map<string, Origin>()
  readonly #idle = new Set<Connection>()
  #closed = false

  constructor(connect: GuardedConnect, limits: OutboundLimits) {
    this.#connect = connect
    this.#limits = limits
  }

  /** Number of known origins: origins with a connection, a dial or a waiter. */
  get originCount(): number {
    return this.#origins.size
  }

  /** Queues a waiter for a connection to a destination; `waiter.start` may run before this returns. */
  enter(destination: Destination, waiter: Waiter): void {
    const origin = this.#origin(destination)
    origin.waiting.add(waiter)
    this.#serve(origin)
    this.#dialAsNeeded(origin)
  }

  /** Removes a waiter. When the last waiter leaves, the pool abandons the dials to that destination. */
  leave({ key }: Destination, waiter: Waiter): void {
    const origin = this.#origins.get(key)
    if (!origin?.waiting.delete(waiter) || origin.waiting.size > 0) {
      return
    }
    abandonDials(origin)
    this.#forgetIfUnused(origin)
  }

  /** Gives a connection back after an exchange. */
  release(connection: Connection, reusable: boolean): void {
    connection.active -= 1
    if (!reusable) {
      this.retire(connection)
    } else if (connection.usable && connection.active === 0) {
      this.#keepIdle(connection)
    }
    this.#serve(connection.origin)
    this.#dialAsNeeded(connection.origin)
    this.#forgetIfUnused(connection.origin)
  }

  /** Takes a connection out of use. Exchanges that still run on it may finish. */
  retire(connection: Connection): void {
    const { origin } = connection
    connection.usable = false
    connection.unused?.destroy()
    this.#idle.delete(connection)
    origin.connections = origin.connections.filter((other) => other !== connection)
    void connection.client.close().catch(() => {})
    this.#forgetIfUnused(origin)
  }

  /**
   * Counts an exchange that was aborted while it ran. A peer that gets too many stream resets takes them for an attack
   * (CVE-2023-44487; Node.js after 1,000) and closes the connection with all its exchanges. The pool replaces it
   * before.
   */
  noteBrokenOff(connection: Connection): void {
    connection.brokenOff += 1
    const isWorn = connection.brokenOff >= this.#limits.http2BrokenOffPerConnection
    if (connection.multiplexed && connection.usable && isWorn) this.retire(connection)
  }

  /** Fails all waiters and aborts all running exchanges. */
  async close(error: Error): Promise<void> {
    this.#closed = true
    const closing: Promise<void>[] = []
    for (const origin of [...this.#origins.values()]) {
      abandonDials(origin)
      failAll(origin, error)
      for (const connection of origin.connections) {
        connection.unused?.destroy()
        closing.push(connection.client.destroy(error))
      }
      origin.connections = []
    }
    this.#origins.clear()
    this.#idle.clear()
    await Promise.all(closing)
  }

  #origin(destination: Destination): Origin {
    const known = this.#origins.get(destination.key)
    if (known) {
      return known
    }
    const origin: Origin = {
      destination,
      waiting: new Set(),
      connections: [],
      dials: new Set(),
      multiplexed: null,
    }
    this.#origins.set(destination.key, origin)
    return origin
  }

  #forgetIfUnused(origin: Origin): void {
    const isUnused = origin.waiting.size + origin.connections.length + origin.dials.size === 0
    // A connection released late may belong to an origin that was forgotten and has since been created again.
    if (isUnused && this.#origins.get(origin.destination.key) === origin) {
      this.#origins.delete(origin.destination.key)
    }
  }

  /** Hands free connections to the waiters, in order of arrival. */
  #serve(origin: Origin): void {
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
      this.#idle.delete(connection)
      connection.unused = null
      connection.active += 1
      waiter.start(connection)
    }
  }

  #dialAsNeeded(origin: Origin): void {
    const wanted = Math.min(origin.waiting.size, this.#dialLimit(origin))
    while (!this.#closed && origin.dials.size < wanted) {
      this.#dial(origin)
    }
  }

  #dialLimit({ multiplexed, connections }: Origin): number {
    if (multiplexed === null) {
      return 1
    }
    return multiplexed
      ? Math.min(1, this.#limits.http2ConnectionsPerOrigin - connections.length)
      : this.#limits.http1ConnectionsPerOrigin - connections.length
  }

  #dial(origin: Origin): void {
    const dial: Dial = { socket: null, abandoned: false }
    origin.dials.add(dial)
    dial.socket = this.#connect(origin.destination, (error, socket) => {
      if (dial.abandoned) {
        socket?.destroy()
        return
      }
      origin.dials.delete(dial)
      if (error) {
        this.#dialFailed(origin, error)
      } else {
        this.#dialled(origin, socket)
      }
    })
  }

  /** If the origin has other connections, they serve the waiters. The next waiter to enter dials again. */
  #dialFailed(origin: Origin, error: Error): void {
    if (origin.connections.length === 0) {
      failAll(origin, error)
    }
    this.#forgetIfUnused(origin)
  }

  #dialled(origin: Origin, socket: TLSSocket): void {
    const connection = openConnection(origin, socket, this.#connect, this.#limits)
    const lost = () => {
      if (connection.usable) {
        this.retire(connection)
        this.#dialAsNeeded(origin)
      }
    }
    connection.client.on('disconnect', lost).on('connectionError', lost)
    origin.multiplexed = connection.multiplexed
    origin.connections.push(connection)
    this.#serve(origin)
    this.#dialAsNeeded(origin)
    if (connection.unused) {
      this.#keepUnused(connection, socket)
    }
  }

  /** Other connections served all waiters first. This one is kept idle, as if it had already had an exchange. */
  #keepUnused(connection: Connection, socket: TLSSocket): void {
    const giveUp = () => {
      if (connection.unused) {
        this.retire(connection)
      }
    }
    const timer = setTimeout(giveUp, this.#limits.http1IdleMs).unref()
    socket.once('close', () => {
      clearTimeout(timer)
      giveUp()
    })
    this.#keepIdle(connection)
  }

  #keepIdle(connection: Connection): void {
    connection.hasIdled = true
    this.#idle.add(connection)
    if (this.#idle.size > this.#limits.idleConnections) {
      const [oldest] = this.#idle
      this.retire(oldest!)
    }
  }
}

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
