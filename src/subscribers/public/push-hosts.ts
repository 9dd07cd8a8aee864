/**
 * Whether an endpoint is at one of the hosts: `fcm.googleapis.com`, `*.push.apple.com` for all subdomains, or `*` for
 * any host. Without this check, clients without an API key could make the service post anywhere.
 */
export function isPushHost(hosts: readonly string[], endpoint: string): boolean {
  const host = URL.parse(endpoint)?.hostname
  if (host === undefined) return false
  return hosts.some((allowed) => {
    if (allowed === '*') return true
    return allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed
  })
}
