import type { Http2ServerResponse } from 'node:http2'
import type { Certificates } from '../src/local-ends/certificates.ts'
import { startTlsServer } from '../src/local-ends/tls-server.ts'
import { serveParent } from './child.ts'

/** Of a push service that is slow, longer than most wait for it and shorter than a request may take. */
const slowMs = 7_000
let isAway = false
let unanswered: Http2ServerResponse[] = []

/**
 * The other end, a push service or a webhook's receiver. It answers 201 at once, but for what receivers do that nobody
 * should suffer from but themselves, by the first part of the path.
 */
const manners: Record<string, (response: Http2ServerResponse) => void> = {
  hang: () => {},
  slow: (response) => void setTimeout(accept, slowMs, response),
  /** Hangs while it is away; who waits for it then is cut off when it is back, as by a restart. */
  leaving: (response) => {
    if (isAway) unanswered.push(response)
    else accept(response)
  },
  drip: (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('.'), 500)
    response.on('close', () => clearInterval(timer))
  },
  flood: (response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const chunk = Buffer.alloc(16_384, 'x')
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more)
    more()
  },
}

/** Requests that came since the last {@link peer.forget}, and when: milliseconds since the epoch. */
export interface Arrival {
  path: string
  at: number
}
let arrivals: Arrival[] = []
let awaited: { count: number; resolve: () => void } | undefined

function accept(response: Http2ServerResponse): void {
  response.writeHead(201).end()
}

const now = () => performance.timeOrigin + performance.now()

const peer = {
  /** @param http2 false: HTTP/1.1 only, as many receivers are. @returns its origin */
  async start(certificates: Certificates, http2: boolean): Promise<string> {
    const { origin } = await startTlsServer(
      certificates,
      ({ path }, response) => {
        const [, first] = path.split('/')
        arrivals.push({ path, at: now() })
        const behave = manners[first!] ?? accept
        behave(response)
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
    if (arrivals.length >= count) return arrivals.map(({ at }) => at)
    awaited = { count, resolve }
    const timer = setTimeout(
      () => reject(new Error(`${arrivals.length} of ${count} requests came`)),
      timeoutMs,
    )
    await promise
    clearTimeout(timer)
    awaited = undefined
    return arrivals.map(({ at }) => at)
  },
  /** @param prefix of their paths */
  arrived: (prefix: string): Arrival[] => arrivals.filter(({ path }) => path.startsWith(prefix)),
  /** From now on, what comes under `/leaving` is not answered; or it is. */
  setAway(away: boolean): void {
    isAway = away
    if (away) return
    for (const response of unanswered) response.destroy()
    unanswered = []
  },
}

export type PeerApi = typeof peer
serveParent(peer)
