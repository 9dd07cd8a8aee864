import type { LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { AddressGuard } from './address-guard.ts'
import { lookupError } from './query-addresses.ts'
import type { LookupAll } from './resolver.ts'

/** The address guard does not allow the connection. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError'
  readonly code = 'ERR_REFUSED_ADDRESS'
}

/** A look-up function for sockets that returns only checked addresses. */
export function guardLookup(guard: AddressGuard, lookupAll: LookupAll): LookupFunction {
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
