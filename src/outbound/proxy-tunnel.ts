import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIPv6, type Socket } from 'node:net'
import { getCACertificates } from 'node:tls'
import { withoutBrackets } from './address-guard.ts'
import { toLookup } from './guarded-resolve.ts'
import type { Resolve } from './resolver.ts'

export interface TunnelOptions {
  /** Aborts the attempt; without effect once the tunnel is open. */
  signal: AbortSignal
  /** Resolves the proxy's own name. */
  resolve: Resolve
  /** PEM certificates trusted besides the default roots, for an https proxy. */
  ca?: string | undefined
}

/**
 * Asks an HTTP proxy for a connection (CONNECT, RFC 9110 §9.3.6) to an address, never to a name: the proxy would
 * resolve the name again, and bypass the address guard.
 *
 * @param proxy `http:` or `https:`, with credentials if the proxy requires them (Basic, RFC 7617)
 * @throws Error with the code `ERR_PROXY_REFUSED`, `ERR_PROXY_UNREACHABLE` or, when aborted, `ETIMEDOUT`; no message
 *   contains the address or the credentials of the proxy
 */
export function openTunnel(
  proxy: URL,
  { address, port }: { address: string; port: number },
  { signal, resolve: resolveName, ca }: TunnelOptions,
): Promise<Socket> {
  const authority = `${isIPv6(address) ? `[${address}]` : address}:${port}`
  const isSecure = proxy.protocol === 'https:'
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)({
      host: withoutBrackets(proxy.hostname),
      port: proxy.port || (isSecure ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...authorization(proxy) },
      agent: false,
      lookup: toLookup(resolveName),
      ...(isSecure && ca !== undefined && { ca: [...getCACertificates('default'), ca] }),
    })
    const giveUp = () => request.destroy(tunnelError('ETIMEDOUT', 'no tunnel in time'))
    const settle = () => signal.removeEventListener('abort', giveUp)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
    request.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Socket, head: Buffer) => {
      settle()
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy()
        reject(tunnelError('ERR_PROXY_REFUSED', `the proxy answered ${statusCode}`))
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.once('error', (cause) => {
      settle()
      reject(
        signal.aborted ? cause : tunnelError('ERR_PROXY_UNREACHABLE', 'the proxy cannot be reached', cause),
      )
    })
    request.end()
  })
}

function authorization({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function tunnelError(code: string, message: string, cause?: Error): Error {
  return Object.assign(new Error(message, { cause }), { code })
}
