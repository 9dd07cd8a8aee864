import ipaddr from 'ipaddr.js'

/**
 * The key that a client is counted by: its IPv4 address, or its IPv6 /64, because one client has all 2^64 addresses.
 *
 * @param ip the request's address; an IPv4-mapped IPv6 address counts as the IPv4 address in it
 */
export function clientOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (!(address instanceof ipaddr.IPv6)) return address.toString()
  const network = address.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}
