import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { withDeadline } from '../platform/deadline.ts'
import { createResolver } from './resolver.ts'

/** Maximum characters of a URL that a user may store; more than any push service or receiver uses. */
export const maxUrlLength = 2_048

/** How long storing a URL may wait for its host name to resolve. */
const storageResolveTimeoutMs = 3_000

const refusedMessage = 'must not point to a private or reserved address'

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = [Address, number]

export type UrlVerdict = { ok: true; url: URL } | { ok: false; message: string }

/** Resolves a name to all its addresses; rejects when it has none. */
export type ResolveAddresses = (hostname: string) => Promise<{ address: string }[]>

// Names at which clouds serve instance credentials. Names in .internal or with only one label are refused anyway.
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

// Azure's "wire server" serves the machine's configuration, although its address looks public.
const azureWireServer = '168.63.129.16'

const globalUnicastIpv6 = ipaddr.IPv6.parseCIDR('2000::/3')

// IETF protocol assignments (RFC 2928): Teredo, benchmarking, ORCHID and similar. None of them is a web server.
const ietfAssignmentsIpv6 = ipaddr.IPv6.parseCIDR('2001::/23')

/**
 * Creates the guard that checks every user-supplied address.
 *
 * @param allowNetworks CIDR networks that are allowed for development although they are not public. Refused names
 *   (localhost, .local and so on) are allowed only if there is such a network and they resolve into it.
 * @param resolve resolves the names of URLs to be stored; default: a resolver that asks the name servers of the system
 * @throws Error when an entry is not a CIDR network
 */
export function createAddressGuard(
  allowNetworks: readonly string[],
  resolve: ResolveAddresses = createResolver(),
) {
  const opened: Network[] = allowNetworks.map((network) => ipaddr.parseCIDR(network))

  function judge(address: Address | null): string | null {
    return address && (isOpened(address, opened) || isPublic(address)) ? null : refusedMessage
  }

  /** Checks the host of a parsed URL: a name or an address, with or without brackets. Null when allowed. */
  function checkHost(hostname: string): string | null {
    const literal = parseAddress(withoutBrackets(hostname))
    if (literal) return judge(literal)
    return isRefusedName(hostname) && opened.length === 0 ? refusedMessage : null
  }

  /** Checks the addresses of a name (or a literal). One refused address refuses the name; null when allowed. */
  function checkResolved(hostname: string, addresses: readonly string[]): string | null {
    const isName = parseAddress(withoutBrackets(hostname)) === null
    const openedOnly = isName && isRefusedName(hostname)
    const allowed = addresses.every((text) => {
      const address = parseAddress(text)
      return address !== null && (isOpened(address, opened) || (!openedOnly && isPublic(address)))
    })
    return allowed && addresses.length > 0 ? null : refusedMessage
  }

  /** Checks a URL without resolving its host name. */
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

  /**
   * Checks a URL that is about to be stored: like checkUrl, and its name must not resolve to a refused address. A name
   * that does not resolve, or not in time, is accepted: it may be set up later, and every connection is checked again.
   */
  async function checkForStorage(text: string): Promise<UrlVerdict> {
    const verdict = checkUrl(text)
    if (!verdict.ok || isIP(withoutBrackets(verdict.url.hostname))) {
      return verdict
    }
    const { hostname } = verdict.url
    const found = await withDeadline(resolve(hostname), storageResolveTimeoutMs).catch(() => [])
    const addresses = found.map(({ address }) => address)
    const message = addresses.length > 0 ? checkResolved(hostname, addresses) : null
    return message === null ? verdict : { ok: false, message }
  }

  /** Checks one address in text form; null when allowed. */
  const checkAddress = (text: string) => judge(parseAddress(text))
  return { checkUrl, checkHost, checkAddress, checkResolved, checkForStorage }
}

/** Decides which addresses the service may connect to (contract, section 5). Messages fit API validation details. */
export type AddressGuard = ReturnType<typeof createAddressGuard>

function checkParsedUrl(url: URL): string | null {
  if (url.protocol !== 'https:') {
    return 'must use https://'
  }
  if (url.username || url.password) {
    return 'must not contain a user name or password'
  }
  // `https://a..b/` parses, but its host is not a valid name.
  return withoutTrailingDot(url.hostname).split('.').includes('') ? 'must be a valid URL' : null
}

/** Whether a name belongs to this machine or this network only, whatever it resolves to. */
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
  // ipaddr.js reports unassigned addresses as unicast, so the one block in use is checked explicitly.
  return (
    address.match(globalUnicastIpv6) && !address.match(ietfAssignmentsIpv6) && address.range() === 'unicast'
  )
}

function isOpened(address: Address, opened: readonly Network[]): boolean {
  return opened.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits))
}

/** Accepts only the four-part decimal form or an IPv6 address. URL parsing has already converted all other forms. */
function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return ipaddr.IPv4.parse(text)
  }
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null
}

/** Without the brackets of an IPv6 address. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function withoutTrailingDot(hostname: string): string {
  return hostname.replace(/\.$/, '')
}
