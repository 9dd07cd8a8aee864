import { errors } from 'undici'
import type { AddressGuard } from './address-guard.ts'
import { cancelStreams } from './cancel-streams.ts'
import { createConnectionPool } from './connection-pool.ts'
import { toDestination } from './destination.ts'
import { Exchange, failed } from './exchange.ts'
import { failures } from './exchange-error.ts'
import { findHeaderFault } from './forbidden-headers.ts'
import { createGuardedConnect } from './guarded-connect.ts'
import type { Outbound } from './outbound.ts'
import { defaultOutboundLimits, type OutboundLimits } from './outbound-limits.ts'
import { createResolver, type Resolve } from './resolver.ts'

export interface OutboundOptions {
  guard: AddressGuard
  /** PEM certificates trusted besides the default roots (which include NODE_EXTRA_CA_CERTS). */
  ca?: string | Buffer
  /** Resolves names. Default: a resolver that asks the name servers of the system. */
  resolve?: Resolve | undefined
  /** An HTTP proxy for all connections. The guard checks the address before the proxy is asked. */
  proxy?: URL | undefined
  limits?: Partial<OutboundLimits>
}

/**
 * Creates the guarded HTTP client: https only, HTTP/2 or HTTP/1.1 as the origin prefers. One deadline covers the whole
 * exchange, connecting included, but not the wait for other exchanges. The answer's body is capped. The client does not
 * follow redirects or decompress. It repeats a request only if a used connection is lost before any answer.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const limits = { ...defaultOutboundLimits, ...options.limits }
  const connect = createGuardedConnect({
    guard: options.guard,
    ca: options.ca,
    resolve: options.resolve ?? createResolver(),
    proxy: options.proxy,
    connectTimeoutMs: limits.connectTimeoutMs,
  })
  const pool = createConnectionPool(connect, limits)
  const leaveStreams = cancelStreams()
  let closed = false

  return {
    exchange(request) {
      if (closed) {
        return Promise.resolve(failed(failures.stopped))
      }
      // The guard checks hosts when connecting, but does not see the scheme and the credentials. They are checked here.
      if (request.url.protocol !== 'https:' || request.url.username || request.url.password) {
        return Promise.resolve(failed(failures.refusedUrl))
      }
      if (!isSendable(request.headers)) {
        return Promise.resolve(failed(failures.invalidHeader))
      }
      const headerBytes = sizeOf(request.headers)
      if (headerBytes > limits.requestHeaderBytes) {
        return Promise.resolve(failed(failures.requestHeadersTooLarge))
      }
      const { url, ca } = request
      const destination = toDestination(url, { ca, alone: headerBytes > limits.sharedRequestHeaderBytes })
      return new Promise((resolve) => new Exchange({ request, destination, pool, limits, resolve }).begin())
    },
    async close() {
      closed = true
      await pool.close(new errors.ClientDestroyedError('the client is closed'))
      leaveStreams()
    },
  }
}

/**
 * Whether every request may carry these headers, and no name occurs twice. For some forbidden headers, Node destroys
 * the whole HTTP/2 session, and with it the exchanges of everybody who shares it.
 */
function isSendable(headers: Record<string, string>): boolean {
  const names = Object.keys(headers)
  return (
    new Set(names.map((name) => name.toLowerCase())).size === names.length &&
    names.every((name) => findHeaderFault(name, headers[name]!) === null)
  )
}

function sizeOf(headers: Record<string, string>): number {
  return Object.keys(headers).reduce((sum, name) => sum + name.length + headers[name]!.length + 32, 0)
}
