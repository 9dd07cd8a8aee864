import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { refusals } from '../errors.ts'
import { onceIn } from '../once-in.ts'
import { orUndefined } from '../or-undefined.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Also answered when the port has all the connections that it may have: a full service is not a broken one. */
    isProbe?: boolean
  }
}

/** How often to log that the limit is reached, at most. */
const logEveryMs = 60_000
/** Connections beyond the limit, which wait for a place. When another comes, the oldest is closed. */
const maxSpare = 16
/** How long a connection waits for a place: longer than a probe takes to answer. */
const spareMs = 6_000

/** Limits the open connections of a server. On a few more, which wait for a place, only probes are answered. */
export function limitConnections(server: FastifyInstance, maxConnections: number, log: Logger): void {
  const spare = new Set<Socket>()
  let used = 0
  const mayLog = onceIn(logEveryMs)
  let refused = 0

  const noteRefused = () => {
    refused += 1
    if (!mayLog()) return
    log.warn({ maxConnections, refused }, 'connections.limit_reached')
    refused = 0
  }
  const use = (socket: Socket) => {
    spare.delete(socket)
    used += 1
    socket.once('close', () => {
      used -= 1
      const [next] = spare
      if (next) use(next)
    })
  }
  server.server.on('connection', (socket: Socket) => {
    if (used < maxConnections) return use(socket)
    noteRefused()
    spare.add(socket)
    const timer = setTimeout(() => spare.has(socket) && socket.destroy(), spareMs).unref()
    socket.once('close', () => {
      clearTimeout(timer)
      spare.delete(socket)
    })
    const [oldest] = spare
    if (spare.size > maxSpare) oldest!.destroy()
  })
  server.addHook('onRequest', ({ raw: { socket }, routeOptions }, reply, done) => {
    if (!spare.has(socket)) return done()
    reply.header('connection', 'close')
    done(routeOptions.config.isProbe ? undefined : refusals.unavailable())
  })
}

/** The part of a process's open files that the connections of one port may be. The rest is for the database and receivers. */
const shareOfFiles = 1 / 2

/**
 * Lowers the limit of connections to what the process may open, and says so.
 *
 * @param limits what the system allows, as Linux shows it; on other systems nothing is known and nothing lowered
 */
export function fitToOpenFiles(
  maxConnections: number,
  log: Logger,
  limits: () => string = () => readFileSync('/proc/self/limits', 'utf8'),
): number {
  const openFiles = readOpenFiles(limits)
  const lowered = Math.floor(openFiles * shareOfFiles)
  if (lowered >= maxConnections) return maxConnections
  log.warn({ maxConnections, lowered, openFiles }, 'connections.limit_lowered')
  return lowered
}

function readOpenFiles(limits: () => string): number {
  const [, soft] = /^Max open files +(\d+)/m.exec(orUndefined(limits) ?? '') ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
