import type { LookupFunction } from 'node:net'
import type { AddressGuard } from './address-guard.ts'
import type { Resolve } from './resolver.ts'

/** The address guard does not allow the connection. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError'
  readonly code = 'ERR_REFUSED_ADDRESS'
}

/** Resolves names to checked addresses only. @throws RefusedAddressError when the guard refuses one of the addresses */
export function guardResolve(guard: AddressGuard, resolve: Resolve): Resolve {
  return async (hostname) => {
    const addresses = await resolve(hostname)
    const refused = guard.checkResolved(
      hostname,
      addresses.map(({ address }) => address),
    )
    if (refused !== null) throw new RefusedAddressError(refused)
    return addresses
  }
}

/** `resolve` with the signature of `dns.lookup`, for sockets with `autoSelectFamily`: they ask for all addresses. */
export function toLookup(resolve: Resolve): LookupFunction {
  return (hostname, _options, callback) => {
    resolve(hostname).then(
      (addresses) => callback(null, addresses),
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  }
}
