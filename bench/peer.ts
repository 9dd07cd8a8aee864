import type { Http2ServerResponse } from 'node:http2'
import type { Certificates } from '../src/local-ends/certificates.ts'
import { startTlsServer } from '../src/local-ends/tls-server.ts'
import { serveParent } from './child.ts'

/** How long a slow push service takes: longer than most callers wait, but within the time limit of a request. */
const slowMs = 7_000
let isAway = false
let unanswered: Http2ServerResponse[] = []

/**
 * A push service or a webhook's receiver. It answers 201 at once, unless the first part of the path selects one of
 * these kinds of misbehaviour, from which other receivers must not suffer.
 */
const manners: Record<string, (response: Http2ServerResponse) => void> = {
  hang: () => {},
  slow: (response) => void setTimeout(accept, slowMs, response),
  /** Hangs while it is away. When it comes back, it cuts off the waiting requests, like a restart. */
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

/** A request since the last {@link peer.forget}, with its time of arrival in milliseconds since the epoch. */
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
  /** @param http2 false: HTTP/1.1 only, like many receivers. @returns its origin */
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
  /** Waits for `count` requests. @returns when each arrived, in milliseconds since the epoch */
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
  /** @param prefix the start of the requests' paths */
  arrived: (prefix: string): Arrival[] => arrivals.filter(({ path }) => path.startsWith(prefix)),
  /** @param away true: requests under `/leaving` are not answered from now on; false: they are */
  setAway(away: boolean): void {
    isAway = away
    if (away) return
    for (const response of unanswered) response.destroy()
    unanswered = []
  },
}

export type PeerApi = typeof peer
serveParent(peer)
