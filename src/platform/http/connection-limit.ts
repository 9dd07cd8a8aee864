import type { Server } from 'node:net'
import type { Logger } from 'pino'

/** How often to log that connections are refused, at most. */
const logEveryMs = 60_000

/** Limits the open connections of a server. Node closes further ones at once, unanswered. */
export function limitConnections(server: Server, maxConnections: number, log: Logger): void {
  let loggedAt = Number.NEGATIVE_INFINITY
  let refused = 0
  server.maxConnections = maxConnections
  server.on('drop', () => {
    refused += 1
    if (performance.now() < loggedAt + logEveryMs) return
    loggedAt = performance.now()
    log.warn({ maxConnections, refused }, 'connections.limit_reached')
    refused = 0
  })
}
