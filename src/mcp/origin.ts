/**
 * Whether a request's origin is trusted. Browsers send the origin of the calling page. Without this check, a foreign
 * page whose host name is changed to this machine's address could call a service that only this machine reaches
 * (DNS rebinding).
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#security-%26-endpoint
 *
 * @param origin the `Origin` header; absent: the client is not a web page
 * @param publicUrl where clients reach the service
 */
export function isTrustedOrigin(origin: string | undefined, publicUrl: string | undefined): boolean {
  if (origin === undefined) return true
  const url = URL.parse(origin)
  if (!url) return false
  // Editors and desktop apps use their own URL schemes, whose names DNS does not resolve.
  if (!/^https?:$/.test(url.protocol)) return true
  if (publicUrl !== undefined && url.origin === new URL(publicUrl).origin) return true
  return /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
}
