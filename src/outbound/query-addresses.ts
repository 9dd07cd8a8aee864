import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'

/** Time limit of the first try with each name server; c-ares waits longer on further tries. */
const tryTimeoutMs = 1_000
const tries = 4

export interface QueryOptions {
  /** Name servers, as `address` or `address:port`. Default: those of the system. */
  servers?: readonly string[] | undefined
  timeoutMs: number
  /** How long to wait for the addresses of the second family once those of the first have arrived. */
  otherFamilyMs: number
}

/** The addresses of a name, IPv4 first, and how long they are valid. */
export interface Found {
  addresses: LookupAddress[]
  ttlSeconds: number
}

/**
 * Asks the name servers for the A and AAAA records of a name. Each call has its own channel, so that a query to a dead
 * server for one name never delays another name.
 *
 * @throws an error of c-ares: ENOTFOUND, ENODATA, ESERVFAIL …; ETIMEOUT when no answer arrives in time
 */
export async function queryAddresses(name: string, options: QueryOptions): Promise<Found> {
  const resolver = new Resolver({ timeout: tryTimeoutMs, tries })
  if (options.servers) resolver.setServers(options.servers)
  const ipv4 = resolver.resolve4(name, { ttl: true })
  const ipv6 = resolver.resolve6(name, { ttl: true })
  let timer = setTimeout(() => resolver.cancel(), options.timeoutMs)
  const dontWait = () => {
    clearTimeout(timer)
    timer = setTimeout(() => resolver.cancel(), options.otherFamilyMs)
  }
  ipv4.then(dontWait, () => {})
  ipv6.then(dontWait, () => {})
  const [v4, v6] = await Promise.allSettled([ipv4, ipv6])
  clearTimeout(timer)
  const records = [
    ...(v4.status === 'fulfilled' ? v4.value.map((record) => ({ ...record, family: 4 })) : []),
    ...(v6.status === 'fulfilled' ? v6.value.map((record) => ({ ...record, family: 6 })) : []),
  ]
  if (records.length > 0) {
    return {
      addresses: records.map(({ address, family }) => ({ address, family })),
      ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
    }
  }
  throw worseOf([v4, v6].flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])))
}

/** A name without an address of one family may have one of the other. A name that does not exist has neither. */
function worseOf(errors: readonly NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  const telling = errors.find(({ code }) => code === 'ENOTFOUND')
  const worst = telling ?? errors.find(({ code }) => code !== 'ENODATA') ?? errors[0]!
  return worst.code === 'ECANCELLED' ? lookupError('ETIMEOUT') : worst
}

/** An error in the form that c-ares uses. */
export function lookupError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`look-up failed: ${code}`), { code, syscall: 'query' })
}
