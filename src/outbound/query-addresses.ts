import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'

/** For the first try with each name server; further ones wait longer (c-ares). */
const tryTimeoutMs = 1_000
const tries = 4

export interface QueryOptions {
  /** Name servers, `address` or `address:port`; absent: the system's. */
  servers?: readonly string[] | undefined
  timeoutMs: number
  /** How long the addresses of one family are waited for when those of the other are there. */
  otherFamilyMs: number
}

/** What a name resolved to, IPv4 first, and for how long that holds. */
export interface Found {
  addresses: LookupAddress[]
  ttlSeconds: number
}

/**
 * Asks the name servers for the A and AAAA records of a name. Each call has a channel of its own: what is asked of a
 * dead server for one name is never in the way of another.
 *
 * @throws an error of c-ares: ENOTFOUND, ENODATA, ESERVFAIL …; ETIMEOUT when there is no answer in time
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

/** That a name has no address of one family says nothing of the other; that it does not exist does. */
function worseOf(errors: readonly NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  const telling = errors.find(({ code }) => code === 'ENOTFOUND')
  const worst = telling ?? errors.find(({ code }) => code !== 'ENODATA') ?? errors[0]!
  return worst.code === 'ECANCELLED' ? lookupError('ETIMEOUT') : worst
}

/** An error as c-ares would make it. */
export function lookupError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`look-up failed: ${code}`), { code, syscall: 'query' })
}
