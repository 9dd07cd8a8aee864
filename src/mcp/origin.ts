/**
 * Whether a request may come from where it says. Browsers name the page that asks: without this check a page of somebody
 * else, whose name suddenly leads to this machine, could ask a service that only this machine reaches (DNS rebinding).
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security-%26-endpoint
 *
 * @param origin the header; absent: the client is not a page
 * @param publicUrl where clients reach the service
 */
export function isTrustedOrigin(origin: string | undefined, publicUrl: string | undefined): boolean {
  if (origin === undefined) return true
  const url = URL.parse(origin)
  if (!url) return false
  // Editors and desktop apps have schemes of their own, whose names no DNS resolves.
  if (!/^https?:$/.test(url.protocol)) return true
  if (publicUrl !== undefined && url.origin === new URL(publicUrl).origin) return true
  return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
}
