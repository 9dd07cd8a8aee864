import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { makeCertificates } from '../../src/local-ends/certificates.ts'

/** A real HTTP proxy that makes tunnels (CONNECT), for tests. */
export interface ConnectProxy {
  url: string
  /** What it was asked for, in order: `address:port`, and the credentials that came along. */
  asked: { authority: string; authorization: string | undefined }[]
  /** The status it answers with; 200 makes the tunnel, null answers nothing. */
  answer: (authority: string) => number | null
  /** Connections to it that are open. */
  open(): number
  stop(): Promise<void>
}

export async function startConnectProxy({ secure = false } = {}): Promise<ConnectProxy> {
  const server = secure ? createSecureServer(await makeCertificates()) : createServer()
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }
  let open = 0
  server.on('connection', (socket: Socket) => {
    open += 1
    socket.on('close', () => {
      open -= 1
    })
    keep(socket)
  })
  server.on('connect', ({ url = '', headers }: IncomingMessage, socket: Socket) => {
    keep(socket)
    proxy.asked.push({ authority: url, authorization: headers['proxy-authorization'] })
    const status = proxy.answer(url)
    if (status === null) {
      // Else its end would not be seen: an HTTP server leaves such sockets half open.
      socket.resume().on('end', () => socket.end())
      return
    }
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const port = Number(url.slice(url.lastIndexOf(':') + 1))
    const target = connect(port, url.slice(0, url.lastIndexOf(':')).replace(/^\[|\]$/g, ''), () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(target).pipe(socket)
    })
    keep(target)
    target.on('close', () => socket.destroy())
    socket.on('close', () => target.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const proxy: ConnectProxy = {
    url: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
    asked: [],
    answer: () => 200,
    open: () => open,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}
