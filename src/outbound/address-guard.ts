import ipaddr from 'ipaddr.js'
import { createResolver } from './resolver.ts'

/** Characters in a URL that a user may store; more than any push service or receiver hands out. */
export const maxUrlLength = 2_048

/** How long storing a URL may wait for its name to resolve. */
const storageResolveTimeoutMs = 3_000

const refusedMessage = 'must not point to a private or reserved address'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = [Address, number]

export type UrlVerdict = { ok: true; url: URL } | { ok: false; message: string }

/** All addresses of a name; rejects when it has none. */
export type ResolveAddresses = (hostname: string) => Promise<{ address: string }[]>

/** Decides which addresses the service may connect to (contract, section 5). Messages fit API validation details. */
export interface AddressGuard {
  /** Judges a URL without looking its name up. */
  checkUrl(text: string): UrlVerdict
  /** Judges the host of a parsed URL, name or literal, with or without brackets; null when allowed. */
  checkHost(hostname: string): string | null
  /** Judges one address, as text; null when allowed. */
  checkAddress(address: string): string | null
  /** Judges what a name (or a literal) resolved to: one refused address refuses it; null when allowed. */
  checkResolved(hostname: string, addresses: readonly string[]): string | null
  /**
   * Judges a URL that is about to be stored: like checkUrl, and its name must not resolve to a refused address. A
   * name that does not resolve (in time) is accepted: it may be set up later, and every connection is checked again.
   */
  checkForStorage(text: string): Promise<UrlVerdict>
}

// Names that clouds answer with instance credentials. Those in .internal or of one label are refused anyway.
const metadataNames = new Set([
  'metadata.goog',
  'metadata.azure.com',
  'metadata.azure.net',
  'metadata.packet.net',
  'metadata.platformequinix.com',
  'metadata.tencentyun.com',
  'metadata.oraclecloud.com',
  'instance-data.amazonaws.com',
])

const refusedSuffixes = ['.localhost', '.localdomain', '.local', '.internal']

// Azure's "wire server": it hands out the machine's configuration, and its address looks public.
const azureWireServer = '168.63.129.16'

const globalUnicastIpv6 = ipaddr.IPv6.parseCIDR('2000::/3')

// IETF protocol assignments (RFC 2928): Teredo, benchmarking, ORCHID and their like; nothing there is a web server.
const ietfAssignmentsIpv6 = ipaddr.IPv6.parseCIDR('2001::/23')

/**
 * Makes the one guard that every user-given address passes.
 *
 * @param allowNetworks CIDR networks opened for development although they are not public. Refused names (localhost,
 *   .local and so on) pass only when there is one, and then only into an opened network.
 * @param resolve looks names up that are to be stored; absent: a resolver with the system's name servers
 * @throws Error when an entry is no CIDR network
 */
export function createAddressGuard(
  allowNetworks: readonly string[],
  resolve: ResolveAddresses = createResolver().resolve,
): AddressGuard {
  const opened: Network[] = allowNetworks.map((network) => ipaddr.parseCIDR(network))

  function checkAddress(text: string): string | null {
    const address = parseAddress(text)
    return address && (isOpened(address, opened) || isPublic(address)) ? null : refusedMessage
  }

  function checkHost(hostname: string): string | null {
    const literal = parseAddress(withoutBrackets(hostname))
    if (literal) {
      return checkAddress(literal.toString())
    }
    return isRefusedName(hostname) && opened.length === 0 ? refusedMessage : null
  }

  function checkResolved(hostname: string, addresses: readonly string[]): string | null {
    const isName = parseAddress(withoutBrackets(hostname)) === null
    const openedOnly = isName && isRefusedName(hostname)
    const allowed = addresses.every((text) => {
      const address = parseAddress(text)
      return address !== null && (isOpened(address, opened) || (!openedOnly && isPublic(address)))
    })
    return allowed && addresses.length > 0 ? null : refusedMessage
  }

  function checkUrl(text: string): UrlVerdict {
    if (text.length > maxUrlLength) {
      return { ok: false, message: `must be at most ${maxUrlLength} characters` }
    }
    const url = URL.parse(text)
    if (!url) {
      return { ok: false, message: 'must be a valid URL' }
    }
    const message = checkParsedUrl(url) ?? checkHost(url.hostname)
    return message === null ? { ok: true, url } : { ok: false, message }
  }

  async function checkForStorage(text: string): Promise<UrlVerdict> {
    const verdict = checkUrl(text)
    if (!verdict.ok || parseAddress(withoutBrackets(verdict.url.hostname))) {
      return verdict
    }
    const { hostname } = verdict.url
    const found = await within(storageResolveTimeoutMs, resolve(hostname))
    const addresses = found?.map(({ address }) => address) ?? []
    const message = addresses.length > 0 ? checkResolved(hostname, addresses) : null
    return message === null ? verdict : { ok: false, message }
  }

  return { checkUrl, checkHost, checkAddress, checkResolved, checkForStorage }
}

function checkParsedUrl(url: URL): string | null {
  if (url.protocol !== 'https:') {
    return 'must use https://'
  }
  if (url.username || url.password) {
    return 'must not contain a user name or password'
  }
  // `https://a..b/` parses, but names nothing.
  return withoutTrailingDot(url.hostname).split('.').includes('') ? 'must be a valid URL' : null
}

/** Whether a name is for this machine or this network only, whatever it resolves to. */
function isRefusedName(hostname: string): boolean {
  const name = withoutTrailingDot(hostname.toLowerCase())
  return (
    !name.includes('.') || metadataNames.has(name) || refusedSuffixes.some((suffix) => name.endsWith(suffix))
  )
}

/** Whether an address is globally routable unicast (IANA special-purpose address registries). */
function isPublic(address: Address): boolean {
  if (address instanceof ipaddr.IPv4) {
    return address.range() === 'unicast' && address.toString() !== azureWireServer
  }
  // ipaddr.js says unicast for all that nobody assigned, so the one block in use is asked for by name.
  return (
    address.match(globalUnicastIpv6) && !address.match(ietfAssignmentsIpv6) && address.range() === 'unicast'
  )
}

function isOpened(address: Address, opened: readonly Network[]): boolean {
  return opened.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits))
}

/** Strict: the four-part decimal form or an IPv6 address. URLs are parsed before, which unravels the other forms. */
function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return ipaddr.IPv4.parse(text)
  }
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
}

function withoutTrailingDot(hostname: string): string {
  return hostname.endsWith('.') ? hostname.slice(0, -1) : hostname
}

/** The promise's value; null when it rejects or takes too long. */
async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T | null> {
  const { promise: timeout, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(resolve, timeoutMs, null)
  try {
    return await Promise.race([promise.catch(() => null), timeout])
  } finally {
    clearTimeout(timer)
  }
}
