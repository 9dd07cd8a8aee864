import type { LookupAddress, LookupOptions } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext, type TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { getOrInsert } from '../platform/get-or-insert.ts'
import { type AddressGuard, withoutBrackets } from './address-guard.ts'
import { openTunnel } from './proxy-tunnel.ts'
import { lookupError } from './query-addresses.ts'
import type { LookupAll } from './resolver.ts'

/** The address guard does not allow the connection. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError'
  readonly code = 'ERR_REFUSED_ADDRESS'
}

export interface GuardedConnectOptions {
  guard: AddressGuard
  /** PEM certificates trusted besides the default roots. */
  ca?: string | Buffer | undefined
  lookup: LookupAll
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

/** Certificate authorities of webhooks whose connectors are cached. */
const maxAuthorities = 1_000

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
  const lookup = guardLookup(guard, options.lookup)
  const makeConnector = (secureContext: SecureContext) =>
    buildConnector({
      secureContext,
      lookup,
      timeout: options.connectTimeoutMs,
      autoSelectFamily: true,
      allowH2: true,
      preferH2: true,
    })
  const ownConnector = makeConnector(secureContextOf(serviceCa))
  const connectors = new Map<string, buildConnector.connector>()

  /**
   * One connector per authority: a connector resumes TLS sessions, which skips the certificate check. Creating one
   * takes 0.2 ms without the public roots and 15 ms with them.
   */
  function connectorFor(ca: string | undefined): buildConnector.connector {
    if (ca === undefined) return ownConnector
    const connector =
      connectors.get(ca) ?? makeConnector(createSecureContext({ ca, allowPartialTrustChain: true }))
    connectors.delete(ca)
    connectors.set(ca, connector)
    if (connectors.size > maxAuthorities) connectors.delete(connectors.keys().next().value!)
    return connector
  }

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
    const addresses = await judgedAddresses(hostnameOf(url))
    const port = Number(url.port || 443)
    let failure: Error | undefined
    for (const address of addresses.slice(0, maxProxiedAddresses)) {
      try {
        return await openTunnel(through, { address, port }, { signal, lookup: options.lookup, ca: serviceCa })
      } catch (error) {
        failure = error as Error
        if (signal.aborted) break
      }
    }
    throw failure!
  }

  /** @throws the error of the look-up, or RefusedAddressError */
  function judgedAddresses(hostname: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      if (isIP(hostname) !== 0) {
        resolve([hostname])
        return
      }
      lookup(hostname, { all: true }, (error, addresses) => {
        if (error) reject(error)
        else resolve((addresses as LookupAddress[]).map(({ address }) => address))
      })
    })
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

/** Cached by authority for all connections: parsing about 150 roots takes 15 ms. */
const secureContexts = new Map<string | undefined, SecureContext>()

function secureContextOf(ca: string | undefined): SecureContext {
  return getOrInsert(secureContexts, ca, () =>
    createSecureContext(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  )
}

/** A look-up function for sockets that returns only checked addresses. */
function guardLookup(guard: AddressGuard, lookupAll: LookupAll): LookupFunction {
  return (hostname, options, callback) => {
    lookupAll(hostname, { ...options, family: 0, all: true }, (error, addresses) => {
      if (error) {
        callback(error, [])
        return
      }
      const refused = guard.checkResolved(
        hostname,
        addresses.map(({ address }) => address),
      )
      const wanted = addresses.filter(({ family }) => isWantedFamily(family, options.family))
      if (refused !== null) {
        callback(new RefusedAddressError(refused), [])
      } else if (wanted.length === 0) {
        callback(lookupError('ENODATA'), [])
      } else if (options.all) {
        callback(null, wanted)
      } else {
        callback(null, wanted[0]!.address, wanted[0]!.family)
      }
    })
  }
}

function isWantedFamily(family: number, wanted: LookupOptions['family']): boolean {
  const asked = typeof wanted === 'string' ? Number(wanted.slice(-1)) : (wanted ?? 0)
  return asked === 0 || asked === family
}
