import { isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { buildConnector } from 'undici'
import { type AddressGuard, withoutBrackets } from './address-guard.ts'
import { guardResolve, RefusedAddressError, toLookup } from './guarded-resolve.ts'
import { openTunnel } from './proxy-tunnel.ts'
import type { Resolve } from './resolver.ts'
import { createConnectors } from './tls-connectors.ts'

export interface GuardedConnectOptions {
  guard: AddressGuard
  /** PEM certificates trusted besides the default roots. */
  ca?: string | Buffer | undefined
  resolve: Resolve
  /** Time limit for name look-up, TCP and TLS together. */
  connectTimeoutMs: number
  /** An HTTP proxy through which every connection goes. */
  proxy?: URL | undefined
}

/** The target of a connection. `ca` holds the PEM certificates trusted for it, instead of all others. */
export interface ConnectTarget {
  url: URL
  ca?: string | undefined
}

export type ConnectCallback = (...result: [null, TLSSocket] | [Error, null]) => void

/**
 * Opens a TLS connection that offers h2 and http/1.1 (`socket.alpnProtocol` tells which was chosen). Returns a handle
 * to abandon the attempt, or null if it was refused at once. The callback runs once, unless abandoned.
 */
export type GuardedConnect = (target: ConnectTarget, callback: ConnectCallback) => { destroy(): void } | null

/** Addresses of one name that are tried through a proxy. */
const maxProxiedAddresses = 4

/**
 * Creates the only function of the service that connects to a user-supplied address. The guard checks it three times:
 * - an address literal before connecting, because Node does not look it up;
 * - every address of a name when it is resolved. The service connects to that same result, so a name that changes
 *   meanwhile gains nothing;
 * - the address of the peer once the connection is open.
 *
 * A proxy is asked for the checked address, never for the name. The peer is then the proxy.
 */
export function createGuardedConnect(options: GuardedConnectOptions): GuardedConnect {
  const { guard, proxy } = options
  const serviceCa = options.ca?.toString()
  const resolve = guardResolve(guard, options.resolve)
  const connectorFor = createConnectors(serviceCa, {
    lookup: toLookup(resolve),
    timeout: options.connectTimeoutMs,
  })

  function startTls(target: ConnectTarget, callback: buildConnector.Callback, httpSocket?: Socket) {
    const { url, ca } = target
    const { host, protocol, port } = url
    const to = { hostname: hostnameOf(url), host, protocol, port, ...(httpSocket && { httpSocket }) }
    // undici's types say void, but it returns the socket, which is needed to abandon an attempt that nobody waits for.
    return connectorFor(ca)(to, callback) as unknown as TLSSocket
  }

  function connectDirectly(target: ConnectTarget, callback: ConnectCallback) {
    const socket = startTls(target, callback as buildConnector.Callback)
    // Runs before TLS sends anything to the peer.
    socket.prependOnceListener('connect', () => {
      const refusedPeer = guard.checkResolved(hostnameOf(target.url), [socket.remoteAddress ?? ''])
      if (refusedPeer !== null) socket.destroy(new RefusedAddressError(refusedPeer))
    })
    return socket
  }

  function connectThrough(through: URL, target: ConnectTarget, callback: ConnectCallback) {
    const controller = new AbortController()
    const { signal } = controller
    const timeout = AbortSignal.timeout(options.connectTimeoutMs)
    const tunnel = openTunnelTo(through, target.url, AbortSignal.any([signal, timeout]))
    tunnel.then(
      (socket) => {
        const secured = startTls(target, callback as buildConnector.Callback, socket)
        signal.addEventListener('abort', () => secured.destroy())
        if (signal.aborted) secured.destroy()
      },
      (error: Error) => {
        if (!signal.aborted) callback(error, null)
      },
    )
    return { destroy: () => controller.abort() }
  }

  async function openTunnelTo(through: URL, url: URL, signal: AbortSignal): Promise<Socket> {
    const hostname = hostnameOf(url)
    const addresses = isIP(hostname) ? [hostname] : (await resolve(hostname)).map(({ address }) => address)
    const port = Number(url.port || 443)
    let failure: Error | undefined
    for (const address of addresses.slice(0, maxProxiedAddresses)) {
      try {
        return await openTunnel(
          through,
          { address, port },
          { signal, resolve: options.resolve, ca: serviceCa },
        )
      } catch (error) {
        failure = error as Error
        if (signal.aborted) break
      }
    }
    throw failure!
  }

  return (target, callback) => {
    const refused = guard.checkHost(hostnameOf(target.url))
    if (refused !== null) {
      queueMicrotask(() => callback(new RefusedAddressError(refused), null))
      return null
    }
    try {
      return proxy ? connectThrough(proxy, target, callback) : connectDirectly(target, callback)
    } catch (error) {
      // Node does not accept the host as a server name, or does not accept the certificates.
      queueMicrotask(() => callback(error as Error, null))
      return null
    }
  }
}

const hostnameOf = ({ hostname }: URL) => withoutBrackets(hostname)
