import type { Http2ServerResponse } from 'node:http2'
import type { Certificates } from '../src/local-ends/certificates.ts'
import { startTlsServer } from '../src/local-ends/tls-server.ts'
import { serveParent } from './child.ts'

/**
 * The other end, a push service or a webhook's receiver. It answers 201 at once, but for what receivers do that nobody
 * should suffer from but themselves, by path.
 */
const manners: Record<string, (response: Http2ServerResponse) => void> = {
  '/hang': () => {},
  '/drip': (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('.'), 500)
    response.on('close', () => clearInterval(timer))
  },
  '/flood': (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const chunk = Buffer.alloc(16_384, 'x')
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  },
}

/** When requests came since the last {@link peer.forget}, milliseconds since the epoch. */
let arrivals: number[] = []
let awaited: { count: number; resolve: () => void } | undefined

const now = () => performance.timeOrigin + performance.now()

const peer = {
  /** @param http2 false: HTTP/1.1 only, as many receivers are. @returns its origin */
  async start(certificates: Certificates, http2: boolean): Promise<string> {
    const { origin } = await startTlsServer(
      certificates,
      ({ path }, response) => {
        const behave = manners[path]
        if (behave) return behave(response)
        arrivals.push(now())
        response.writeHead(201).end()
        if (awaited && arrivals.length >= awaited.count) awaited.resolve()
      },
      { http2 },
    )
    return origin
  },
  forget(): void {
    arrivals = []
  },
  /** Waits for so many requests. @returns when each came, milliseconds since the epoch */
  async receive(count: number, timeoutMs: number): Promise<number[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (arrivals.length >= count) return arrivals
    awaited = { count, resolve }
    const timer = setTimeout(
      () => reject(new Error(`${arrivals.length} of ${count} requests came`)),
      timeoutMs,
    )
    await promise
    clearTimeout(timer)
    awaited = undefined
    return arrivals
  },
}

export type PeerApi = typeof peer
serveParent(peer)
