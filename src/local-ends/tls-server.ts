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

/** A received request with its complete body. Header names are lower-case. */
export interface ReceivedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface TlsServerOptions {
  /** 0: any free port. */
  port?: number
  /** False: HTTP/1.1 only. */
  http2?: boolean
}

/**
 * Starts the server behind the simulated services of the demo, tests and benchmarks. It speaks HTTP/2 or HTTP/1.1 on
 * 127.0.0.1, as the client prefers. A handler need not answer.
 */
export async function startTlsServer(
  { key, cert }: Pick<Certificates, 'key' | 'cert'>,
  handle: (request: ReceivedRequest, response: Http2ServerResponse) => void,
  { port = 0, http2 = true }: TlsServerOptions = {},
) {
  // An HTTP/2 server always offers HTTP/2, whatever ALPNProtocols says.
  const server = http2
    ? createSecureServer({ key, cert, allowHTTP1: true, settings: { maxConcurrentStreams: 1_000 } })
    : createServer({ key, cert })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // The client may disconnect at any time; that is not an error here.
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
    /** `https://127.0.0.1:<port>` */
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Closes the server and destroys open connections. */
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
