import { once } from 'node:events'
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type IncomingHttpHeaders,
} from 'node:http2'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Certificates } from './certificates.ts'

/** A request as it arrived, its body whole. Header names are lower-case. */
export interface ReceivedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Speaks HTTP/2 and HTTP/1.1 as the client prefers, on 127.0.0.1. */
export interface TlsServer {
  /** `https://127.0.0.1:<port>` */
  origin: string
  /** Breaks off what is open. */
  stop(): Promise<void>
}

export interface TlsServerOptions {
  /** 0: a free one. */
  port?: number
  /** False: HTTP/1.1 only. */
  http2?: boolean
}

/** What the simulated ends of the demo, the tests and the benchmarks stand on. A handler need not answer. */
export async function startTlsServer(
  { key, cert }: Pick<Certificates, 'key' | 'cert'>,
  handle: (request: ReceivedRequest, response: Http2ServerResponse) => void,
  { port = 0, http2 = true }: TlsServerOptions = {},
): Promise<TlsServer> {
  // A server that can HTTP/2 offers it, whatever ALPNProtocols says.
  const server = http2
    ? createSecureServer({ key, cert, allowHTTP1: true, settings: { maxConcurrentStreams: 1_000 } })
    : createServer({ key, cert })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // The other end may go at any time; that is its business.
  server.on('sessionError', () => {})
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url: path, headers } = request
      handle({ method, path, headers, body: Buffer.concat(chunks) }, response)
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
