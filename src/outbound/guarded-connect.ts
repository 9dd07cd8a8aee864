import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext, type TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import type { AddressGuard } from './address-guard.ts'

/** A connection that the address guard does not allow. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError'
  readonly code = 'ERR_REFUSED_ADDRESS'
}

/** `dns.lookup` asked for all addresses; tests hand in their own. */
export type LookupAll = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export interface GuardedConnectOptions {
  guard: AddressGuard
  /** PEM certificates trusted besides the default roots. */
  ca?: string | Buffer | undefined
  lookup?: LookupAll | undefined
  /** For name look-up, TCP and TLS together. */
  connectTimeoutMs: number
}

export type ConnectCallback = (...result: [null, TLSSocket] | [Error, null]) => void

/**
 * Opens a TLS connection, offering h2 and http/1.1 (`socket.alpnProtocol` tells which). Returns the socket for
 * giving up early, null when it was refused before there was one; the callback runs once either way.
 */
export type GuardedConnect = (url: URL, callback: ConnectCallback) => TLSSocket | null

/**
 * Makes the only function of the service that connects to a user-given address. It is judged three times: a literal
 * before connecting (Node calls no look-up for one), every address of a name when it is resolved (once, and that
 * result is connected to, so that a name that changes meanwhile gains nothing), and the peer's address at the end.
 */
export function createGuardedConnect(options: GuardedConnectOptions): GuardedConnect {
  const { guard } = options
  const connector = buildConnector({
    secureContext: secureContextOf(options.ca?.toString()),
    lookup: guardLookup(guard, shareLookups(options.lookup ?? systemLookup)),
    timeout: options.connectTimeoutMs,
    autoSelectFamily: true,
    allowH2: true,
    preferH2: true,
  })

  return (url, callback) => {
    const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
    const refused = guard.checkHost(hostname)
    if (refused !== null) {
      queueMicrotask(() => callback(new RefusedAddressError(refused), null))
      return null
    }
    const target = { hostname, host: url.host, protocol: url.protocol, port: url.port }
    const connected = (error: Error | null, socket: unknown) => {
      if (error) {
        callback(error, null)
        return
      }
      const tlsSocket = socket as TLSSocket
      const refusedPeer = guard.checkResolved(hostname, [tlsSocket.remoteAddress ?? ''])
      if (refusedPeer === null) {
        callback(null, tlsSocket)
      } else {
        tlsSocket.destroy()
        callback(new RefusedAddressError(refusedPeer), null)
      }
    }
    try {
      // undici's types say void; it returns the socket, needed to give a connection up that nobody waits for.
      return connector(target, connected as buildConnector.Callback) as unknown as TLSSocket
    } catch (error) {
      // A host that Node takes for no server name at all.
      queueMicrotask(() => callback(error as Error, null))
      return null
    }
  }
}

/** By authority, for all connections: parsing some 150 roots takes 15 ms. */
const secureContexts = new Map<string | undefined, SecureContext>()

function secureContextOf(ca: string | undefined): SecureContext {
  return secureContexts.getOrInsertComputed(ca, () =>
    createSecureContext(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
  )
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
  const error: NodeJS.ErrnoException = new Error(`getaddrinfo ENOTFOUND ${hostname}`)
  return Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname })
}

/**
 * Connections to one name that are opened at the same moment share a look-up. getaddrinfo runs on libuv's few
 * threads: otherwise one name that resolves slowly would take them all, from every other name.
 */
function shareLookups(lookupAll: LookupAll): LookupAll {
  const running = new Map<string, Parameters<LookupAll>[2][]>()
  return (hostname, options, callback) => {
    const waiting = running.get(hostname)
    if (waiting) {
      waiting.push(callback)
      return
    }
    const callbacks = [callback]
    running.set(hostname, callbacks)
    lookupAll(hostname, options, (error, addresses) => {
      running.delete(hostname)
      for (const waiter of callbacks) {
        waiter(error, addresses)
      }
    })
  }
}
