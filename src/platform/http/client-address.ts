import ipaddr from 'ipaddr.js'

/**
 * What one client is counted by: an IPv4 address, or the /64 of an IPv6 address, of which every client has 2^64.
 *
 * @param ip as the request has it; an IPv4-mapped IPv6 address is the IPv4 address in it
 */
export function clientOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  if (!(address instanceof ipaddr.IPv6)) return address.toString()
  const network = address.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}
