import type { LookupAddress } from 'node:dns'
import { isIPv6 } from 'node:net'
import { remember } from '../platform/remember.ts'
import { createLookupTurns } from './lookup-turns.ts'
import { type Found, lookupError, queryAddresses } from './query-addresses.ts'
import { createSystemNames, namesToAsk, type SystemFiles } from './system-names.ts'

const defaultResolverLimits = {
  /** How long a look-up waits for its turn: longer than other look-ups take, even those that time out. */
  waitMs: 4_000,
  /** How long a look-up waits for answers once its turn has come. */
  timeoutMs: 3_000,
  otherFamilyMs: 500,
  lookups: 256,
  lookupsPerParent: 16,
  waitingLookups: 10_000,
  /** An answer is cached for its time to live, but at most for this long. */
  maxTtlSeconds: 60,
  /** How long a name is not looked up again after its name servers did not answer. */
  silentMs: 10_000,
  /** Maximum names in each of the two caches: resolved names, and names without an answer. */
  rememberedNames: 10_000,
}

export interface ResolverOptions {
  /** Name servers, as `address` or `address:port`. Default: those of the system. */
  servers?: readonly string[] | undefined
  files?: SystemFiles
  limits?: Partial<typeof defaultResolverLimits>
  /** A monotonic clock, in milliseconds. */
  now?: () => number
}

/** Resolves a name to all its addresses; rejects like c-ares when it has none. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>

/** The addresses of `localhost`, which is never looked up (RFC 6761 §6.3). */
const loopback: LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * Resolves names without getaddrinfo: one dead name server would block its four threads for everybody. Simultaneous
 * requests for one name share one look-up. The hosts file and `localhost` take precedence over name servers.
 */
export function createResolver(options: ResolverOptions = {}): Resolve {
  const { servers, now = () => performance.now() } = options
  const limits = { ...defaultResolverLimits, ...options.limits }
  const systemNames = createSystemNames(options.files)
  const turns = createLookupTurns(limits)
  const running = new Map<string, Promise<LookupAddress[]>>()
  const found = new Map<string, { addresses: LookupAddress[]; until: number }>()
  const silent = new Map<string, number>()

  async function lookUp(hostname: string): Promise<LookupAddress[]> {
    const names = await systemNames()
    const listed = names.hosts.get(hostname.replace(/\.$/, ''))
    if (listed) return listed.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
    if (/(?:^|\.)localhost\.?$/.test(hostname)) return loopback
    const { addresses, ttlSeconds } = await ask(hostname, namesToAsk(hostname, names))
    const ttlMs = Math.min(ttlSeconds, limits.maxTtlSeconds) * 1_000
    if (ttlMs > 0) remember(found, hostname, { addresses, until: now() + ttlMs }, limits.rememberedNames)
    return addresses
  }

  async function ask(hostname: string, names: readonly string[]): Promise<Found> {
    const end = await turns.take(hostname, limits.waitMs)
    const startedAt = performance.now()
    const timeLeft = () => Math.max(1, limits.timeoutMs - (performance.now() - startedAt))
    let missing: unknown
    try {
      for (const name of names) {
        try {
          const { otherFamilyMs } = limits
          return await queryAddresses(name, { servers, timeoutMs: timeLeft(), otherFamilyMs })
        } catch (error) {
          missing = error
          if (!isMissing(error)) throw error
        }
      }
      throw missing
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ETIMEOUT') {
        remember(silent, hostname, now() + limits.silentMs, limits.rememberedNames)
      }
      throw error
    } finally {
      end()
    }
  }

  return (given) => {
    const hostname = given.toLowerCase()
    const known = found.get(hostname)
    if (known && known.until > now()) return Promise.resolve(known.addresses)
    if ((silent.get(hostname) ?? 0) > now()) return Promise.reject(lookupError('ETIMEOUT'))
    const underWay = running.get(hostname)
    if (underWay) return underWay
    const lookup = lookUp(hostname).finally(() => running.delete(hostname))
    running.set(hostname, lookup)
    return lookup
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
