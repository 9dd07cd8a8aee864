import type { Server } from 'node:net'
import type { Logger } from 'pino'
import { onceIn } from '../once-in.ts'

/** How often to log that connections are refused, at most. */
const logEveryMs = 60_000

/** Limits the open connections of a server. Node closes further ones at once, unanswered. */
export function limitConnections(server: Server, maxConnections: number, log: Logger): void {
  const mayLog = onceIn(logEveryMs)
  let refused = 0
  server.maxConnections = maxConnections
  server.on('drop', () => {
    refused += 1
    if (!mayLog()) return
    log.warn({ maxConnections, refused }, 'connections.limit_reached')
    refused = 0
  })
}
