import type { LookupAddress, LookupOptions } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext, type TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import { getOrInsert } from '../platform/get-or-insert.ts'
import type { AddressGuard } from './address-guard.ts'
import type { LookupAll } from './lookup-all.ts'
import { openTunnel } from './proxy-tunnel.ts'

/** A connection that the address guard does not allow. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError'
  readonly code = 'ERR_REFUSED_ADDRESS'
}

export interface GuardedConnectOptions {
  guard: AddressGuard
  /** PEM certificates trusted besides the default roots. */
  ca?: string | Buffer | undefined
  lookup: LookupAll
  /** For name look-up, TCP and TLS together. */
  connectTimeoutMs: number
  /** An HTTP proxy through which every connection goes. */
  proxy?: URL | undefined
}

/** Whom to connect to; `ca` are the PEM certificates trusted for this connection, instead of the others. */
export interface ConnectTarget {
  url: URL
  ca?: string | undefined
}

export type ConnectCallback = (...result: [null, TLSSocket] | [Error, null]) => void

/**
 * Opens a TLS connection, offering h2 and http/1.1 (`socket.alpnProtocol` tells which). Returns what gives up early,
 * null when it was refused before there was anything; the callback runs once, unless it was given up.
 */
export type GuardedConnect = (target: ConnectTarget, callback: ConnectCallback) => { destroy(): void } | null

/** Authorities of webhooks whose settings are kept ready. */
const maxAuthorities = 1_000

/** Addresses of one name that are tried through a proxy. */
const maxProxiedAddresses = 4

/**
 * Makes the only function of the service that connects to a user-given address. It is judged three times: a literal
 * before connecting (Node calls no look-up for one), every address of a name when it is resolved (once, and that
 * result is connected to, so that a name that changes meanwhile gains nothing), and the peer's address at the end.
 * A proxy is asked for the judged address, never for the name; there the peer is the proxy.
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
   * One for each authority: a connector resumes TLS sessions, which skips the check of the certificate. Without the
   * public roots a new one takes 0.2 ms, with them 15 ms.
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
    // undici's types say void; it returns the socket, needed to give a connection up that nobody waits for.
    return connectorFor(ca)(to, callback) as unknown as TLSSocket
  }

  function connectDirectly(target: ConnectTarget, callback: ConnectCallback) {
    const socket = startTls(target, callback as buildConnector.Callback)
    // Before TLS says anything to it.
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

  /** @throws what the look-up ended in, or RefusedAddressError */
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
      // A host that Node takes for no server name at all, or certificates that it does not take.
      queueMicrotask(() => callback(error as Error, null))
      return null
    }
  }
}

/** Without the brackets of an IPv6 address. */
function hostnameOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

/** By authority, for all connections: parsing some 150 roots takes 15 ms. */
const secureContexts = new Map<string | undefined, SecureContext>()

function secureContextOf(ca: string | undefined): SecureContext {
  return getOrInsert(secureContexts, ca, () =>
    createSecureContext(ca === undefined ? {} : { ca: rootsWith(ca) }),
  )
}

function rootsWith(ca: string | undefined): string[] {
  return [...getCACertificates('default'), ...(ca === undefined ? [] : [ca])]
}

/** A look-up for sockets that answers with checked addresses only. */
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
        callback(noAddressError(hostname), [])
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

function noAddressError(hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`no address for ${hostname}`)
  return Object.assign(error, { code: 'ENODATA', syscall: 'query', hostname })
}
