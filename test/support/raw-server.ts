import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { makeCertificates } from '../../src/local-ends/certificates.ts'

/** A server below HTTP, for peers that do what no HTTP library would. */
export interface RawServer {
  port: number
  /** TCP connections that were made to it. */
  connections(): number
  stop(): Promise<void>
}

/** Speaks no TLS; a handler need not read or write. */
export async function startTcpServer(handle: (socket: Socket) => void): Promise<RawServer> {
  return listen(createServer(), 'connection', handle)
}

/**
 * Speaks TLS and leaves the rest to the handler.
 *
 * @param certificates instead of those that the service under test trusts
 */
export async function startRawTlsServer(
  handle: (socket: TLSSocket) => void,
  certificates?: { key: string; cert: string },
  options: TlsOptions = {},
): Promise<RawServer> {
  const { key, cert } = certificates ?? (await makeCertificates())
  const server = createTlsServer({ key, cert, ALPNProtocols: ['http/1.1'], ...options })
  server.on('tlsClientError', () => {})
  return listen(server, 'secureConnection', handle)
}

async function listen<S extends Socket>(
  server: Server,
  event: string,
  handle: (socket: S) => void,
): Promise<RawServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.on(event, (socket: S) => {
    // The other end may go at any time; that is its business.
    socket.on('error', () => {})
    handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
